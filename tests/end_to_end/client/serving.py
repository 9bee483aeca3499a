"""Health and reflection, and what anybody may know of the authority."""

import hashlib

import grpc
from google.protobuf import descriptor_pb2
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc
from symbolon_reference import trust
from symbolon_reference.parameters import Authority


def check_health(checks, connections):
    for name, channel in (("public", connections.public()), ("private", connections.private("auditor-court"))):
        with channel:
            health = health_pb2_grpc.HealthStub(channel)
            found = health.Check(health_pb2.HealthCheckRequest()).status
            checks.equal(f"the {name} listener is healthy", found, health_pb2.HealthCheckResponse.SERVING)
            service = health_pb2.HealthCheckRequest(service="symbolon.v1.ExchangeService")
            checks.equal("so is a service of it", health.Check(service).status, health_pb2.HealthCheckResponse.SERVING)
            try:
                health.Check(health_pb2.HealthCheckRequest(service="symbolon.v1.NoService"))
                checks.that("a service that is not there is unknown", False)
            except grpc.RpcError as error:
                checks.equal("a service that is not there is unknown", error.code(), grpc.StatusCode.NOT_FOUND)


def check_reflection(checks, api, connections):
    def ask(channel, **request):
        stub = reflection_pb2_grpc.ServerReflectionStub(channel)
        return next(stub.ServerReflectionInfo(iter([reflection_pb2.ServerReflectionRequest(**request)])))

    with connections.private("administrator-office") as channel:
        listed = {service.name for service in ask(channel, list_services="").list_services_response.service}
        ours = {
            f"symbolon.v1.{name}Service"
            for name in ("Authority", "Card", "Terminal", "Enrolment", "Exchange", "Ledger", "Pseudonym", "Trace")
        }
        checks.that("reflection lists every service of proto/", ours <= listed, listed)
        answer = ask(channel, file_containing_symbol="symbolon.v1.CardService").file_descriptor_response
        files = [descriptor_pb2.FileDescriptorProto.FromString(data) for data in answer.file_descriptor_proto]
        described = {
            service.name: [method.name for method in service.method] for file in files for service in file.service
        }
        expected = [method.name for method in api.services["CardService"].methods]
        checks.equal("it describes the methods that proto/ has", described.get("CardService"), expected)
    with connections.public() as channel:
        try:
            ask(channel, list_services="")
            checks.that("the public listener has no reflection", False)
        except grpc.RpcError as error:
            checks.that("the public listener has no reflection", error.code() != grpc.StatusCode.OK, error.code())


def fetch_authority(checks, api, public):
    """The parameters, checked against their digest and taken apart by the second implementation."""
    service = api.AuthorityServiceStub(public)
    answer = service.GetParameters(api.GetParametersRequest())
    checks.equal("the authority id is the digest", hashlib.sha256(answer.parameters).digest(), answer.authority_id)
    authority = Authority(answer.parameters)
    checks.equal("the parameters name the authority", authority.name, answer.authority_name)
    return authority


def subjects_of_bundle(api, public, authority):
    """Fetches and verifies the newest trust bundle; the revoked subjects in it."""
    answer = api.AuthorityServiceStub(public).GetTrustBundle(api.GetTrustBundleRequest())
    bundle = trust.Bundle.parse(answer.bundle)
    bundle.verify(authority)
    subjects = set()
    for kind, _, content in bundle.sections:
        if kind == trust.REVOKED_SUBJECTS:
            subjects |= {content[start : start + 16] for start in range(0, len(content), 16)}
    return subjects
