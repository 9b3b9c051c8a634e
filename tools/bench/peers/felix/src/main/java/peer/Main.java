package peer;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Hashtable;
import java.util.List;
import java.util.Map;
import org.apache.felix.framework.Felix;
import org.osgi.framework.BundleContext;
import org.osgi.framework.Constants;
import org.osgi.util.tracker.ServiceTracker;

/**
 * Five filters as services of an OSGi framework, one message at a time: prints the median microseconds a message.
 *
 * <p>The post is parsed once and handed on as an object, since services share a heap. Each filter is asked for at its
 * tracker every time: that is what lets a service be replaced while messages flow.
 */
public final class Main {
    private static final int FILTERS = 5;
    /** Messages between two looks at the clock, as many as the engine's own rows take. */
    private static final int TURN = 256;
    /** Until the code is compiled. */
    private static final double WARM_SECONDS = 2.0;

    private Main() {}

    public static void main(String[] arguments) throws Exception {
        byte[] message = Files.readAllBytes(Path.of(arguments[0]));
        double seconds = Double.parseDouble(arguments[1]);
        Path cache = Files.createTempDirectory("felix");
        Felix framework =
                new Felix(
                        Map.of(
                                Constants.FRAMEWORK_STORAGE, cache.toString(),
                                Constants.FRAMEWORK_STORAGE_CLEAN, Constants.FRAMEWORK_STORAGE_CLEAN_ONFIRSTINIT));
        framework.start();
        BundleContext context = framework.getBundleContext();
        List<ServiceTracker<Filter, Filter>> filters = new ArrayList<>();
        for (int n = 0; n < FILTERS; n++) {
            Hashtable<String, Object> properties = new Hashtable<>();
            properties.put("step", n);
            context.registerService(Filter.class, new TwoFields(), properties);
            String wanted = "(&(objectClass=" + Filter.class.getName() + ")(step=" + n + "))";
            filters.add(new ServiceTracker<>(context, context.createFilter(wanted), null));
            filters.get(n).open();
        }
        run(filters, message, WARM_SECONDS);
        System.out.println(run(filters, message, seconds));
        framework.stop();
        framework.waitForStop(10_000);
    }

    private static double run(List<ServiceTracker<Filter, Filter>> filters, byte[] message, double seconds)
            throws Exception {
        ObjectMapper mapper = new ObjectMapper();
        List<Double> turns = new ArrayList<>();
        long end = System.nanoTime() + (long) (seconds * 1e9);
        while (System.nanoTime() < end) {
            long began = System.nanoTime();
            for (int n = 0; n < TURN; n++) {
                JsonNode post = mapper.readTree(message);
                for (ServiceTracker<Filter, Filter> filter : filters) {
                    if (!filter.getService().passes(post)) {
                        throw new IllegalStateException("a filter stopped the message");
                    }
                }
            }
            turns.add((System.nanoTime() - began) / 1e3 / TURN);
        }
        Collections.sort(turns);
        return turns.get(turns.size() / 2);
    }

    private static final class TwoFields implements Filter {
        @Override
        public boolean passes(JsonNode post) {
            return !post.path("actor").asText().isEmpty() && !post.path("lang").asText().equals("xx");
        }
    }
}
