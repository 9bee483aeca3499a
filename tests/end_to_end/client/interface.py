"""The interface as proto/ says it, and connections to the two listeners."""

import importlib
import importlib.resources
import pathlib
import sys
import tomllib
import types

import grpc
from grpc_tools import protoc


def generate(proto, output):
    """Generates messages and stubs from the `.proto` files and gives all of them in one namespace."""
    files = sorted(str(path) for path in pathlib.Path(proto).rglob("*.proto"))
    well_known = importlib.resources.files("grpc_tools") / "_proto"
    arguments = ["protoc", f"-I{proto}", f"-I{well_known}", f"--python_out={output}", f"--grpc_python_out={output}"]
    if not files or protoc.main(arguments + files) != 0:
        raise SystemExit(f"no stubs can be generated from {proto}")
    sys.path.insert(0, str(output))
    names, services = {}, {}
    for path in sorted(pathlib.Path(output).rglob("*_pb2*.py")):
        module = importlib.import_module(".".join(path.relative_to(output).with_suffix("").parts))
        names.update({name: value for name, value in vars(module).items() if not name.startswith("_")})
        services.update(getattr(module, "DESCRIPTOR", module).services_by_name if path.stem.endswith("_pb2") else {})
    return types.SimpleNamespace(services=services, **names)


class Connections:
    """Opens channels to the service."""

    def __init__(self, public, private, clients):
        self.public_address = public
        self.private_address = private
        self._files = {path.stem: tomllib.loads(path.read_text()) for path in pathlib.Path(clients).glob("*.toml")}
        self._authority = next(iter(self._files.values()))["authority"].encode()

    def public(self):
        """As wallets and terminals: no client certificate."""
        return grpc.secure_channel(self.public_address, grpc.ssl_channel_credentials(self._authority))

    def private(self, client):
        """As an office: `client` is its role and name, such as `issuer-bank`."""
        file = self._files[client]
        credentials = grpc.ssl_channel_credentials(
            file["authority"].encode(), file["key"].encode(), file["certificate"].encode()
        )
        return grpc.secure_channel(self.private_address, credentials)

    def nobody(self):
        """To the private listener without a certificate."""
        return grpc.secure_channel(self.private_address, grpc.ssl_channel_credentials(self._authority))
