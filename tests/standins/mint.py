"""A server that mints another certificate for each connection, as large as TLS carries, at many addresses."""

import datetime
import itertools
import os
import socket
import ssl
import subprocess
import threading

import der

# As many as dbcertd watches of one name; sanitizers make each certificate of 1,000 names a second's work.
ADDRESSES = [f"127.0.1.{i}" for i in range(1, 17 if os.environ.get("DBCERTD_SANITIZED") else 65)]


def long_name(serial, number):
    return f"{serial:x}-{number:04}.".encode() + b"hostile-" * 11 + b".test"


class Mint:
    """One port at all the addresses. names: how many of 105 bytes each; pad: bytes of the subject's organisation. fresh: whether
    each connection has a certificate of its own; else each address keeps one. begin: seconds from now to notBefore."""

    def __init__(self, directory, addresses=ADDRESSES, names=1000, pad=0, fresh=True, begin=-3600, subject=b"orders.test"):
        self.directory, self.names, self.pad, self.fresh, self.begin, self.subject = directory, names, pad, fresh, begin, subject
        self.serials = itertools.count(1)
        self.lock = threading.Lock()
        self.kept, self.minted, self.shown = {}, 0, 0
        self.key = os.path.join(directory, "mint.key")
        subprocess.run(["openssl", "genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", self.key],
                       check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.public = subprocess.run(["openssl", "pkey", "-in", self.key, "-pubout", "-outform", "DER"], check=True,
                                     stdout=subprocess.PIPE).stdout
        self.listeners = [socket.create_server((addresses[0], 0), backlog=64)]
        self.port = self.listeners[0].getsockname()[1]
        self.listeners += [socket.create_server((address, self.port), backlog=64) for address in addresses[1:]]
        for listener in self.listeners:
            threading.Thread(target=self._accept, args=(listener,), daemon=True).start()

    def certificate(self):
        serial = next(self.serials)
        names = [long_name(serial, i) for i in range(self.names)] or [self.subject]
        attributes = [("CN", self.subject)] + ([("O", b"o" * self.pad)] if self.pad else [])
        begin = datetime.datetime.now(datetime.timezone.utc).replace(microsecond=0) + datetime.timedelta(seconds=self.begin)
        return der.certificate(subject=der.name(*attributes), issuer=der.name(("CN", b"Mint")), serial=serial, begin=begin, key=self.public,
                               extensions=(der.san(*names),))

    def context(self):
        with self.lock:
            path = os.path.join(self.directory, "mint.pem")
            self.minted += 1
            with open(path, "w") as f:
                f.write(ssl.DER_cert_to_PEM_cert(self.certificate()))
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(path, self.key)
            return context

    def _accept(self, listener):
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            context = self.context() if self.fresh else self.kept.get(listener) or self.kept.setdefault(listener, self.context())
            self.shown += 1
            threading.Thread(target=self._handle, args=(context, connection), daemon=True).start()

    @staticmethod
    def _handle(context, connection):
        connection.settimeout(20)
        try:
            with context.wrap_socket(connection, server_side=True) as tls:
                tls.recv(1)
        except OSError:
            pass

    def stop(self):
        for listener in self.listeners:
            listener.close()
