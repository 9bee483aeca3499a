//! The service: roles as use cases, and the thin gRPC layer over them.
