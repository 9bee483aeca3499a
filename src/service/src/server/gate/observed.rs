//! Follows a request to the last byte of its answer.

use super::super::accept::ConnectionInfo;
use crate::{grpc::roles::Method, metrics::Metrics};
use bytes::Bytes;
use http::HeaderMap;
use http_body::{Body as HttpBody, Frame, SizeHint};
use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Instant,
};
use tokio::sync::OwnedSemaphorePermit;
use tonic::{Code, Status, body::Body};

/// What is known of a request so far; counted and logged when it goes.
pub(super) struct Observation {
    metrics: Arc<Metrics>,
    method: &'static str,
    is_own: bool,
    connection: Option<ConnectionInfo>,
    began: Instant,
    code: Option<Code>,
    permit: Option<OwnedSemaphorePermit>,
}

impl Observation {
    /// A request that was not admitted is counted under no method, lest callers choose what is counted.
    pub(super) fn begin(
        metrics: Arc<Metrics>,
        method: Option<&'static Method>,
        connection: Option<ConnectionInfo>,
    ) -> Self {
        let is_own = method.is_none_or(Method::is_own);
        let method = method.map_or("denied", Method::path);
        Self { metrics, method, is_own, connection, began: Instant::now(), code: None, permit: None }
    }

    /// Keeps the request's place until its answer is out.
    pub(super) fn hold(&mut self, permit: OwnedSemaphorePermit) {
        self.permit = Some(permit);
    }

    /// The status stands in the headers of an answer without a body, else in the trailers.
    pub(super) fn see_trailers(&mut self, trailers: &HeaderMap) {
        if let Some(code) = trailers.get("grpc-status") {
            self.code = Some(Code::from_bytes(code.as_bytes()));
        }
    }
}

impl Drop for Observation {
    fn drop(&mut self) {
        // Without a status the caller went away, or its deadline did.
        let code = self.code.map_or("cancelled", name_of);
        let duration = self.began.elapsed();
        self.metrics.request(self.method, code, duration);
        let milliseconds = duration.as_millis();
        let listener = self.connection.as_ref().map(|connection| connection.domain.as_str());
        let client = self.connection.as_ref().and_then(|connection| connection.caller.as_ref());
        let client = client.map(tracing::field::display);
        if self.is_own {
            tracing::info!(method = self.method, listener, client, code, milliseconds, "answered");
        } else {
            tracing::debug!(method = self.method, listener, client, code, milliseconds, "answered");
        }
    }
}

const fn name_of(code: Code) -> &'static str {
    match code {
        Code::Ok => "ok",
        Code::Cancelled => "cancelled",
        Code::Unknown => "unknown",
        Code::InvalidArgument => "invalid_argument",
        Code::DeadlineExceeded => "deadline_exceeded",
        Code::NotFound => "not_found",
        Code::AlreadyExists => "already_exists",
        Code::PermissionDenied => "permission_denied",
        Code::ResourceExhausted => "resource_exhausted",
        Code::FailedPrecondition => "failed_precondition",
        Code::Aborted => "aborted",
        Code::OutOfRange => "out_of_range",
        Code::Unimplemented => "unimplemented",
        Code::Internal => "internal",
        Code::Unavailable => "unavailable",
        Code::DataLoss => "data_loss",
        Code::Unauthenticated => "unauthenticated",
    }
}

/// The body of an answer, with the observation of its request.
pub(in crate::server) struct ObservedBody {
    body: Body,
    observation: Observation,
}

impl ObservedBody {
    pub(super) const fn new(body: Body, observation: Observation) -> Self {
        Self { body, observation }
    }
}

impl HttpBody for ObservedBody {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(context));
        if let Some(trailers) = frame.as_ref().and_then(|frame| frame.as_ref().ok()).and_then(Frame::trailers_ref) {
            self.observation.see_trailers(trailers);
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
