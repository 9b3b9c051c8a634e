use std::convert::Infallible;

use axum::{
    Json,
    extract::{RawQuery, State},
    response::{
        Sse,
        sse::{Event, KeepAlive},
    },
};
use futures::{Stream, StreamExt};
use mpc::Receipt;
use serve::{Problem, Query};
use tokio::sync::broadcast::{Receiver, error::RecvError};

use crate::{Parts, listing::Items, problem::failed};

/// All that the center keeps.
const LIMIT_MAX: usize = 1_000;

/// `GET /v1/receipts?limit=`: newest first.
pub(crate) async fn list(
    State(parts): State<Parts>,
    RawQuery(query): RawQuery,
) -> Result<Json<Items<Receipt>>, Problem> {
    let limit = Query::parse(query.as_deref(), &["limit"])?.limit_of(LIMIT_MAX)?;
    // The history is locked while a receipt is on its way to the disk.
    let center = parts.center()?.clone();
    let read = tokio::task::spawn_blocking(move || center.receipts(limit)).await;
    read.map(|receipts| Json(Items::all(receipts))).map_err(|error| failed(&error))
}

/// `GET /v1/receipts/events`: each receipt from now on as an event `receipt` with its number as id. An event
/// `missed` says that the reader was too slow: read the list.
pub(crate) async fn events(
    State(parts): State<Parts>,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>> + Send + 'static>, Problem> {
    let events = futures::stream::unfold(parts.center()?.subscribe_receipts(), next);
    let open = events.take_until(parts.closing.cancelled_owned());
    Ok(Sse::new(open).keep_alive(KeepAlive::default()))
}

async fn next(mut receipts: Receiver<Receipt>) -> Option<(Result<Event, Infallible>, Receiver<Receipt>)> {
    let event = match receipts.recv().await {
        Ok(receipt) => {
            let event = Event::default().event("receipt").id(receipt.number.to_string());
            event.json_data(&receipt).unwrap_or_else(|_| Event::default().event("missed"))
        }
        Err(RecvError::Lagged(missed)) => Event::default().event("missed").data(missed.to_string()),
        Err(RecvError::Closed) => return None,
    };
    Some((Ok(event), receipts))
}
