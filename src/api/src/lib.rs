//! The gRPC interface generated from proto/, and its conversions to and from the project's types.
