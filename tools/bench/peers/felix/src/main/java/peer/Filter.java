package peer;

import com.fasterxml.jackson.databind.JsonNode;

/** One rule: whether a post goes on. */
public interface Filter {
    boolean passes(JsonNode post);
}
