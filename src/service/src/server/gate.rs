//! What every request passes first: the table of roles, the limit of requests at a time, the time limit; and where it is
//! counted and logged.

mod observed;

use super::accept::ConnectionInfo;
use crate::{
    config::Limits,
    grpc::{
        roles::{self, Method},
        status,
    },
    links::ServiceRole,
    metrics::Metrics,
};
use http::{Request, Response};
use observed::{Observation, ObservedBody};
use std::{
    convert::Infallible,
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};
use tokio::sync::Semaphore;
use tonic::{Status, body::Body};
use tower::{Layer, Service};

/// The gate of one listener, as a layer around its services.
#[derive(Clone)]
pub(super) struct GateLayer {
    shared: Arc<Shared>,
}

struct Shared {
    metrics: Arc<Metrics>,
    room: Arc<Semaphore>,
    time_limit: Duration,
    roles: Vec<ServiceRole>,
}

impl GateLayer {
    /// `roles` are those that run here: methods of others are not served.
    pub(super) fn new(limits: &Limits, metrics: Arc<Metrics>, roles: Vec<ServiceRole>) -> Self {
        let room = Arc::new(Semaphore::new(limits.requests));
        Self { shared: Arc::new(Shared { metrics, room, time_limit: limits.request(), roles }) }
    }
}

impl<S> Layer<S> for GateLayer {
    type Service = Gate<S>;

    fn layer(&self, inner: S) -> Gate<S> {
        Gate { inner, shared: self.shared.clone() }
    }
}

/// The gate before a service.
#[derive(Clone)]
pub(super) struct Gate<S> {
    inner: S,
    shared: Arc<Shared>,
}

impl<S> Service<Request<Body>> for Gate<S>
where
    S: Service<Request<Body>, Response = Response<Body>, Error = Infallible> + Clone + Send + 'static,
    S::Future: Send,
{
    type Response = Response<ObservedBody>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response<ObservedBody>, Infallible>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        // The instance that was polled ready has to take the request; its clone takes the next.
        let next = self.inner.clone();
        let inner = std::mem::replace(&mut self.inner, next);
        Box::pin(self.shared.clone().pass(inner, request))
    }
}

impl Shared {
    async fn pass<S>(self: Arc<Self>, inner: S, request: Request<Body>) -> Result<Response<ObservedBody>, Infallible>
    where
        S: Service<Request<Body>, Response = Response<Body>, Error = Infallible>,
    {
        let connection = request.extensions().get::<ConnectionInfo>().cloned();
        let admitted = connection.as_ref().map_or(Err(roles::Denied::NoClient), |connection| {
            roles::admit(request.uri().path(), connection.domain, connection.caller.as_ref(), &self.roles)
        });
        let method = admitted.ok();
        let mut observation = Observation::begin(self.metrics.clone(), method, connection);
        let response = match admitted {
            Ok(method) if method.is_own() => self.within_limits(inner, request, &mut observation).await,
            Ok(_) => inner_call(inner, request).await,
            Err(denied) => status::denied(denied).into_http(),
        };
        Ok(observed(explain(method, response), observation))
    }

    async fn within_limits<S>(&self, inner: S, request: Request<Body>, observation: &mut Observation) -> Response<Body>
    where
        S: Service<Request<Body>, Response = Response<Body>, Error = Infallible>,
    {
        let Ok(permit) = self.room.clone().try_acquire_owned() else {
            return status::too_many_requests().into_http();
        };
        observation.hold(permit);
        let answered = tokio::time::timeout(self.time_limit, inner_call(inner, request)).await;
        answered.unwrap_or_else(|_| status::took_too_long().into_http())
    }
}

async fn inner_call<S>(mut inner: S, request: Request<Body>) -> Response<Body>
where
    S: Service<Request<Body>, Response = Response<Body>, Error = Infallible>,
{
    match inner.call(request).await {
        Ok(response) => response,
        Err(never) => match never {},
    }
}

fn observed(response: Response<Body>, mut observation: Observation) -> Response<ObservedBody> {
    observation.see_trailers(response.headers());
    response.map(|body| ObservedBody::new(body, observation))
}

/// Gives the errors that the transport found by itself the codes and reasons that ours have.
fn explain(method: Option<&'static Method>, response: Response<Body>) -> Response<Body> {
    match Status::from_header_map(response.headers()) {
        Some(found) if method.is_some_and(Method::is_own) => match status::of_transport(&found) {
            Some(explained) => explained.into_http(),
            None => response,
        },
        _ => response,
    }
}
