#!/usr/bin/env python3
"""Checks evidence with nothing but Python 3.9 and this file.

    check.py FILE.asice|FOLDER --directory DIRECTORY

DIRECTORY is the SignedDirectory of the federation, from a member whom you know: all trust comes from it. Checked are: every file's digest,
the name of every message, what it commits to, the sender's signature (Ed25519 and ML-DSA-65), every leaf's path to its log's head, the
log's signatures under it (Ed25519 and ML-DSA-44), and the witnesses' under the cosigned heads. Exit: 0 holds, 1 does not, 2 usage.
"""
import base64, hashlib, hmac, json, os, re, struct, sys, zipfile


class Bad(Exception):
    pass


def need(ok, why):
    if not ok:
        raise Bad(why)


def sha(*parts):
    return hashlib.sha256(b"".join(parts)).digest()


def unb64(s):
    b = base64.b64decode(s, validate=True)
    need(base64.b64encode(b).decode() == s, "base64 with bits left over")
    return b


def b64url(b):
    return base64.urlsafe_b64encode(b).rstrip(b"=").decode()


# Ed25519, RFC 8032, 5.1.7; points of small order are no keys.

P, L = 2**255 - 19, 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, -1, P) % P


def add(p, q):
    a, b = (p[1] - p[0]) * (q[1] - q[0]), (p[1] + p[0]) * (q[1] + q[0])
    c, d = 2 * p[3] * q[3] * D, 2 * p[2] * q[2]
    e, f, g, h = b - a, d - c, d + c, b + a
    return e * f % P, g * h % P, f * g % P, e * h % P


def times(n, p):
    q = (0, 1, 1, 0)
    while n:
        if n & 1:
            q = add(q, p)
        p, n = add(p, p), n >> 1
    return q


def point(b):
    y = int.from_bytes(b, "little")
    sign, y = y >> 255, y & 2**255 - 1
    need(y < P, "not a point")
    x2 = (y * y - 1) * pow(D * y * y + 1, -1, P) % P
    x = pow(x2, (P + 3) // 8, P)
    if (x * x - x2) % P:
        x = x * pow(2, (P - 1) // 4, P) % P
    need((x * x - x2) % P == 0 and (x or not sign), "not a point")
    if x & 1 != sign:
        x = P - x
    return x, y, 1, x * y % P


def same(p, q):
    return (p[0] * q[2] - q[0] * p[2]) % P == 0 and (p[1] * q[2] - q[1] * p[2]) % P == 0


BASE = point((4 * pow(5, -1, P) % P).to_bytes(32, "little"))


def ed25519(key, sig, msg):
    try:
        need(len(key) == 32 and len(sig) == 64, "lengths")
        a, r, s = point(key), point(sig[:32]), int.from_bytes(sig[32:], "little")
        need(s < L and not same(times(8, a), (0, 1, 1, 0)), "weak")
    except (Bad, ValueError):
        return False
    k = int.from_bytes(hashlib.sha512(sig[:32] + key + msg).digest(), "little") % L
    return same(times(s, BASE), add(r, times(k, a)))


# ML-DSA, FIPS 204, verification only.

Q, N = 8380417, 256


def _zetas():
    return [pow(1753, int(f"{i:08b}"[::-1], 2), Q) for i in range(N)]


ZETAS = _zetas()


def ntt(w):
    w, k, length = list(w), 0, 128
    while length:
        for start in range(0, N, 2 * length):
            k += 1
            z = ZETAS[k]
            for j in range(start, start + length):
                t = z * w[j + length] % Q
                w[j + length] = (w[j] - t) % Q
                w[j] = (w[j] + t) % Q
        length >>= 1
    return w


def intt(w):
    w, k, length = list(w), N, 1
    while length < N:
        for start in range(0, N, 2 * length):
            k -= 1
            z = -ZETAS[k]
            for j in range(start, start + length):
                t = w[j]
                w[j] = (t + w[j + length]) % Q
                w[j + length] = z * (t - w[j + length]) % Q
        length <<= 1
    f = pow(N, -1, Q)
    return [x * f % Q for x in w]


class MLDSA:
    """Verification of FIPS 204 signatures; the parameter sets 44 and 65."""

    def __init__(self, level):
        self.k, self.l, self.tau, self.gamma1, self.gamma2, self.omega, self.eta, self.chash = {
            44: (4, 4, 39, 2**17, (Q - 1) // 88, 80, 2, 32), 65: (6, 5, 49, 2**19, (Q - 1) // 32, 55, 4, 48)}[level]
        self.beta = self.tau * self.eta
        self.bits = self.gamma1.bit_length()  # of a coefficient of z
        self.pk_len = 32 + 320 * self.k
        self.sig_len = self.chash + 32 * self.bits * self.l + self.omega + self.k
        self.keys = {}

    def _expand(self, pk):
        rho, a = pk[:32], []
        for r in range(self.k):
            row = []
            for s in range(self.l):
                stream, poly, i = hashlib.shake_128(rho + bytes([s, r])).digest(1344), [], 0
                while len(poly) < N:
                    if i + 3 > len(stream):
                        stream = hashlib.shake_128(rho + bytes([s, r])).digest(2 * len(stream))
                    c = stream[i] | stream[i + 1] << 8 | (stream[i + 2] & 127) << 16
                    i += 3
                    if c < Q:
                        poly.append(c)
                row.append(poly)
            a.append(row)
        t1 = []
        for i in range(self.k):
            v = int.from_bytes(pk[32 + 320 * i:352 + 320 * i], "little")
            t1.append(ntt([((v >> 10 * j & 1023) << 13) % Q for j in range(N)]))
        return a, t1, hashlib.shake_256(pk).digest(64)

    def _hint(self, b):
        h, at = [], 0
        for i in range(self.k):
            end = b[self.omega + i]
            if end < at or end > self.omega or any(b[j] <= b[j - 1] for j in range(at + 1, end)):
                return None
            h.append(set(b[at:end]))
            at = end
        return None if any(b[at:self.omega]) else h

    def _ball(self, seed):
        c, stream = [0] * N, hashlib.shake_256(seed).digest(1024)
        signs, at = int.from_bytes(stream[:8], "little"), 8
        for i in range(N - self.tau, N):
            while stream[at] > i:
                at += 1
            j = stream[at]
            at += 1
            c[i] = c[j]
            c[j] = 1 - 2 * (signs & 1)
            signs >>= 1
        return c

    def verify(self, pk, sig, msg, ctx=b""):
        if len(pk) != self.pk_len or len(sig) != self.sig_len:
            return False
        if pk not in self.keys:
            self.keys[pk] = self._expand(pk)
        a, t1, tr = self.keys[pk]
        mu = hashlib.shake_256(tr + bytes([0, len(ctx)]) + ctx + msg).digest(64)
        ch, z, mask = sig[:self.chash], [], (1 << self.bits) - 1
        for i in range(self.l):
            at = self.chash + 32 * self.bits * i
            v = int.from_bytes(sig[at:at + 32 * self.bits], "little")
            poly = [self.gamma1 - (v >> self.bits * j & mask) for j in range(N)]
            if max(map(abs, poly)) >= self.gamma1 - self.beta:
                return False
            z.append(ntt(poly))
        hint = self._hint(sig[-self.omega - self.k:])
        if hint is None:
            return False
        c, out, g2 = ntt(self._ball(ch)), b"", 2 * self.gamma2
        top, width = (Q - 1) // g2, ((Q - 1) // g2 - 1).bit_length()
        for i in range(self.k):
            w = [-x * y % Q for x, y in zip(c, t1[i])]
            for j in range(self.l):
                w = [(x + y * v) % Q for x, y, v in zip(w, a[i][j], z[j])]
            packed = 0
            for j, r in enumerate(intt(w)):
                r0 = r % g2
                if r0 > self.gamma2:
                    r0 -= g2
                r1 = 0 if r - r0 == Q - 1 else (r - r0) // g2
                if r - r0 == Q - 1:
                    r0 -= 1
                if j in hint[i]:
                    r1 = (r1 + 1 if r0 > 0 else r1 - 1) % top
                packed |= r1 << width * j
            out += packed.to_bytes(32 * width, "little")
        return hmac.compare_digest(ch, hashlib.shake_256(mu + out).digest(self.chash))


MLDSA44, MLDSA65 = MLDSA(44), MLDSA(65)
LABEL = b"COMPSIG-MLDSA65-Ed25519-SHA512"


def composite(key, sig, msg):
    """id-MLDSA65-Ed25519-SHA512 (IETF LAMPS pq-composite-sigs): both halves must verify."""
    need(len(key) == 1984 and len(sig) == 3373, "length of a key or signature")
    m = b"CompositeAlgorithmSignatures2025" + LABEL + b"\0" + hashlib.sha512(msg).digest()
    need(ed25519(key[1952:], sig[3309:], m), "the Ed25519 half of a signature does not verify")
    need(MLDSA65.verify(key[:1952], sig[:3309], m, LABEL), "the ML-DSA-65 half of a signature does not verify")


def pae(kind, body):
    return b"DSSEv1 %d %s %d %s" % (len(kind), kind, len(body), body)


# The parts of protobuf that are needed: field numbers to lists of values.


def proto(b):
    out, i = {}, 0

    def varint():
        nonlocal i
        n = shift = 0
        while True:
            need(i < len(b) and shift < 64, "protobuf ends early")
            n |= (b[i] & 127) << shift
            i, shift = i + 1, shift + 7
            if b[i - 1] < 128:
                return n
    while i < len(b):
        tag = varint()
        need(tag & 7 in (0, 2), "protobuf: a type that is not used")
        v = varint()
        if tag & 7 == 2:
            need(i + v <= len(b), "protobuf ends early")
            v, i = b[i:i + v], i + v
        out.setdefault(tag >> 3, []).append(v)
    return out


def one(m, field, default=b""):
    return m.get(field, [default])[-1]


def kid_of(key):
    return sha(b"rogatory/v1/kid\0", key)[:8]


# Notes.


class Key:
    """A public key in text form: name+id+base64(type || key)."""

    def __init__(self, text):
        self.name, kid, b = text.split("+", 2)
        raw = unb64(b)
        self.id, self.type, self.key = bytes.fromhex(kid), raw[0], raw[1:]
        need(self.id == sha(self.name.encode(), b"\n", raw)[:4] and self.type in (1, 4, 6), "key id")

    def verify(self, sig, note):
        """The time that a signature states, in seconds, 0 for none; None when it does not verify."""
        if self.type == 1:
            return 0 if ed25519(self.key, sig, note.text) else None
        t, sig = int.from_bytes(sig[:8], "big"), sig[8:]
        if self.type == 4:
            return t if ed25519(self.key, sig, b"cosignature/v1\ntime %d\n" % t + note.text) else None
        name, origin = self.name.encode(), note.origin.encode()
        text = b"subtree/v1\n\0" + bytes([len(name)]) + name + struct.pack(">Q", t) + bytes([len(origin)]) + origin
        return t if MLDSA44.verify(self.key, sig, text + struct.pack(">QQ", 0, note.size) + note.root) else None


class Note:
    def __init__(self, b, is_signed=True):
        body, sigs = b.decode().split("\n\n", 1) if is_signed else (b.decode()[:-1], "\n")
        self.text, lines = (body + "\n").encode(), body.split("\n")
        need(len(lines) == 3 and re.fullmatch("0|[1-9][0-9]{0,15}", lines[1]) and sigs.endswith("\n"), "not a checkpoint")
        self.origin, self.size, self.root, self.lines = lines[0], int(lines[1]), unb64(lines[2]), []
        for line in sigs[:-1].split("\n") if is_signed else []:
            dash, name, sig = line.split(" ")
            need(dash == "\u2014", "not a signature line")
            raw = unb64(sig)
            self.lines.append((name, raw[:4], raw[4:]))

    def signed(self, log):
        need(log is not None and self.origin == log[0].name, f"no key of the log {self.origin} leads to the directory")
        need([line[:2] for line in self.lines[:2]] == [(k.name, k.id) for k in log], "the log's two signatures do not stand first")
        for (_, _, sig), k in zip(self.lines, log):
            need(k.verify(sig, self) == 0, f"a signature of {self.origin} under its head does not verify")
        return self

    def cosigned(self, witnesses):
        """Names and times of those who cosigned; every line must verify."""
        by, rest = [], self.lines[2:]
        need(len(rest) % 2 == 0, "a cosignature without its pair")
        for (name, ida, a), (_, idb, b) in zip(rest[::2], rest[1::2]):
            pair = next((w for w in witnesses if [(k.name, k.id) for k in w[:2]] == [(name, ida), (name, idb)]), None)
            need(pair is not None, f"no key of the witness {name} leads to the directory")
            need(self.origin not in pair[2], f"{name} cosigned its own log")
            times_ = pair[0].verify(a, self), pair[1].verify(b, self)
            need(times_[0] and times_[0] == times_[1], f"a cosignature of {name} does not verify")
            by.append((name, times_[0]))
        return by


def climb(path, size, index, h):
    need(0 <= index < size, "index beyond the tree")
    f, s = index, size - 1
    for p in path:
        need(s > 0 and len(p) == 32, "path too long")
        if f & 1 or f == s:
            h = sha(b"\1", p, h)
            while not f & 1 and f:
                f, s = f >> 1, s >> 1
        else:
            h = sha(b"\1", h, p)
        f, s = f >> 1, s >> 1
    need(s == 0, "path too short")
    return h


# Trust: from the directory to keys.


class Trust:
    def __init__(self, files, signed):
        self.directories, self.manifests = [], []
        newest = one(proto(signed), 1)
        self.take(newest)
        inside = {n: one(proto(b), 1) for n, b in files.items() if n.startswith("directories/")}
        by_digest = {sha(b): (n, b) for n, b in inside.items()}
        previous, known = one(proto(newest), 3), {sha(newest)}
        while previous in by_digest:
            known.add(previous)
            b = by_digest[previous][1]
            self.take(b)
            previous = one(proto(b), 3)
        for name, b in inside.items():
            need(sha(b) in known, f"{name}: does not lead to your directory (a newer one?)")
        for name, b in sorted(files.items()):
            if name.startswith("manifests/"):
                self.manifest(name, b)

    def take(self, b):
        d = proto(b)
        members = {}
        for raw in d.get(7, []):
            m = proto(raw)
            members[one(m, 1).decode()] = one(m, 2), [k.decode() for k in proto(one(m, 3)).get(2, [])]
        self.directories.append((one(d, 2, 0), members))

    def manifest(self, name, signed):
        s = proto(signed)
        b = one(s, 1)
        need(sha(b).hex() == name.split("/")[1], f"{name}: another manifest than its name says")
        m = proto(b)
        country, ids = one(m, 1).decode(), [proto(i) for i in m.get(4, [])]
        need(ids, f"{name}: no identity key")
        composite(one(ids[0], 2), one(s, 2), pae(b"application/vnd.rogatory.manifest.v1+protobuf", b))
        roots = [members[country][0] for v, members in self.directories if country in members and v in (one(m, 14, 0), self.directories[0][0])]
        leads = [i for i in ids if one(i, 2) in roots]
        for i in reversed(ids):
            if i in leads or not one(i, 5):
                continue
            head = b"rogatory/v1/identity\0" + country.encode() + b"\0" + one(i, 2) + struct.pack(">QQ", one(i, 3, 0), one(i, 4, 0))
            for key in roots + [one(k, 2) for k in leads]:
                try:
                    composite(key, one(i, 5), sha(head))
                    leads.append(i)
                    break
                except Bad:
                    pass
        need(ids[0] in leads, f"{name}: its first key does not lead to your directory")
        log = proto(one(m, 6))
        origin = one(log, 1).decode()
        stem, last = origin.rsplit("/", 1)
        self.manifests.append({
            "country": country, "version": one(m, 2, 0), "ids": ids, "origin": origin, "log": [k.decode() for k in log.get(2, [])],
            "witness": [k.decode() for k in m.get(7, [])], "own": {f"{stem}/{n}" for n in range(1, int(last) + 1)}})

    def log(self, origin):
        for texts in [k for _, d in self.directories for _, k in d.values()] + [m["log"] for m in self.manifests]:
            pair = [Key(t) for t in texts]
            if len(pair) == 2 and pair[0].name == pair[1].name == origin and (pair[0].type, pair[1].type) == (1, 6):
                return pair
        return None

    def witnesses(self):
        return [(Key(m["witness"][0]), Key(m["witness"][1]), m["own"]) for m in self.manifests if len(m["witness"]) == 2]

    def signer(self, country, kid, version, at):
        for m in self.manifests:
            if m["country"] == country and m["version"] == version:
                for i in m["ids"]:
                    if kid_of(one(i, 2)) == kid and any(one(i, 3, 0) <= t + 120_000 and t <= one(i, 4, 0) for t in (at, at - 120_000)):
                        return one(i, 2)
        for _, members in self.directories:
            if country in members and kid_of(members[country][0]) == kid:
                return members[country][0]
        raise Bad(f"no key {kid.hex()} of {country} leads to the directory")


# The evidence.


def Files(where):
    out = {}
    if os.path.isdir(where):
        for folder, _, names in os.walk(where):
            for name in names:
                path = os.path.join(folder, name)
                rel = os.path.relpath(path, where).replace(os.sep, "/")
                if "__pycache__" not in rel:
                    with open(path, "rb") as f:
                        out[rel] = f.read()
    else:
        with zipfile.ZipFile(where) as z:
            for i in z.infolist():
                need(i.filename not in out and i.compress_type == 0, "a name twice, or not stored")
                out[i.filename] = z.read(i)
    return out


def listed(files):
    """Every file is in the listing with its digest, and nothing else is here."""
    xml = files["META-INF/ASiCManifest.xml"].decode()
    said = dict(re.findall(r'DataObjectReference URI="([^"]+)">.*?<ds:DigestValue>([^<]+)</ds:DigestValue>', xml))
    need(files["mimetype"] == b"application/vnd.etsi.asic-e+zip", "mimetype")
    for name, b in files.items():
        if name not in ("mimetype", "META-INF/ASiCManifest.xml"):
            need(said.get(name) == base64.b64encode(sha(b)).decode(), f"{name}: not the file that is listed")
    need(len(said) == len(files) - 2, "a listed file is missing")


def proof(files, name, trust):
    """The leaf that a tlog-proof proves, parsed, and its log's country."""
    head, note = files[name].split(b"\n\n", 1)
    lines = head.decode().split("\n")
    need(lines[0] == "c2sp.org/tlog-proof@v1" and lines[1].startswith("extra ") and lines[2].startswith("index "), f"{name}: not a proof")
    leaf, index = unb64(lines[1][6:]), int(lines[2][6:])
    need(leaf == files[name[:-len(".tlog-proof")] + ".leaf"], f"{name}: another leaf beside it")
    cp = Note(note)
    cp.signed(trust.log(cp.origin))
    need(len(cp.lines) == 2, f"{name}: other signatures than the log's")
    need(climb([unb64(h) for h in lines[3:]], cp.size, index, sha(b"\0", leaf)) == cp.root, f"{name}: the leaf is not in the tree")
    e = json.loads(leaf)
    need(json.dumps(e, separators=(",", ":"), sort_keys=True).encode() == leaf and e["i"] == index, f"{name}: not a leaf of this place")
    return e, cp.origin.split("/")[-3]


def consistent(a, b, path):
    """That the smaller of two heads is a beginning of the larger, RFC 9162, 2.1.4.2."""
    a, b = sorted((a, b), key=lambda head: head[0])
    if a[0] == b[0]:
        return need(not path and a[1] == b[1], "two heads of one size")
    path = ([] if a[0] & (a[0] - 1) else [a[1]]) + path
    f, s = a[0] - 1, b[0] - 1
    while f & 1:
        f, s = f >> 1, s >> 1
    need(a[0] > 0 and path, "no path")
    old = new = path[0]
    for p in path[1:]:
        need(s > 0 and len(p) == 32, "path too long")
        if f & 1 or f == s:
            old, new = sha(b"\1", p, old), sha(b"\1", p, new)
            while not f & 1 and f:
                f, s = f >> 1, s >> 1
        else:
            new = sha(b"\1", new, p)
        f, s = f >> 1, s >> 1
    need(s == 0 and old == a[1] and new == b[1], "two heads of two histories")


def stamped(files, name):
    """That the head under a time token holds what is here of its log. The token itself is for openssl: VERIFY.sh."""
    base = name[:-len(".tst")]
    head = Note(files[base + ".head"], False)
    path = [unb64(h) for h in files[base + ".path"].decode().split("\n")[:-1]] if base + ".path" in files else []
    need(head.origin.split("/")[-3] == base[len("times/"):], f"{name}: of another log")
    some = False
    for proof in (n for n in files if n.endswith(".tlog-proof") and not n.endswith("/receipt.tlog-proof")):
        text, note = files[proof].split(b"\n\n", 1)
        cp = Note(note)
        if cp.origin == head.origin:
            some = True
            need(int(text.decode().split("\n")[2][6:]) < head.size, f"{name}: its head does not hold {proof}")
            consistent((cp.size, cp.root), (head.size, head.root), path)
    need(some, f"{name}: nothing here stands under its head")
    print(f"--  {name}: over a head of this log of {head.size} leaves; whose token it is and what it says, openssl tells: VERIFY.sh")


def commitment(kind, b):
    return hmac.new(b[:32], b"rogatory/v1/commitment/" + kind + b"\0" + struct.pack(">Q", len(b) - 32) + b[32:], "sha256").digest()


def message(files, folder, trust):
    raw = files[folder + "/message.bin"]
    m, name = proto(raw), b64url(sha(b"rogatory/v1/message\0", raw))
    sender, to = one(m, 1).decode(), one(m, 2).decode()
    for file, kind, field in (("docket.bin", b"docket", 6), ("content.bin", b"content", 7)):
        if folder + "/" + file in files:
            need(commitment(kind, files[folder + "/" + file]) == one(m, field), f"{folder}/{file}: not what the message commits to")
    named, version, at = set(), 0, 0
    for file in sorted(n for n in files if n.startswith(folder + "/") and n.endswith(".tlog-proof")):
        e, country = proof(files, file, trust)
        role = file.rsplit("/", 1)[1][:-len(".tlog-proof")]
        need(role == country or role == "receipt" and country == to or role == "reseal" and country == sender, f"{file}: of another log")
        if e["k"] == "msg":
            prev = "" if one(m, 5) == bytes(32) else b64url(one(m, 5))
            need([e[k] for k in ("msg", "from", "to", "epoch", "seq", "prev", "docket_commit", "content_commit")] ==
                 [name, sender, to, one(m, 3, 0), one(m, 4, 0), prev, b64url(one(m, 6)), b64url(one(m, 7))], f"{file}: a leaf of another message")
            need(country == (to if e["dir"] == "in" else sender), f"{file}: in a log where it does not belong")
            if not version or e["dir"] == "in":
                version, at = e["manifest_version"], e["at"]
        else:
            need(e["k"] == "rej" and e["msg"] == name and country == to or e["k"] == "reseal" and e["of"] == name, f"{file}: a leaf of another message")
        named.add((e.get("stmt"), e.get("sig")))
        print(f"ok  {file}: leaf {e['i']} ({e['k']}) of {country}")
    need(named, f"{folder}: no leaf")
    if folder + "/statement.bin" not in files:
        return print(f"--  {folder}: the sender's statement is not here")
    statement, signature = files[folder + "/statement.bin"], files[folder + "/signature.bin"]
    need((b64url(sha(b"rogatory/v1/statement\0", statement)), b64url(sha(b"rogatory/v1/signature\0", signature))) in named,
         f"{folder}: no leaf names this statement and signature")
    sealing = proto(one(proto(statement), 1))
    need(one(sealing, 2) == raw, f"{folder}: the statement carries another message")
    sig = proto(signature)
    size, leaf = one(sig, 2, 0), sha(b"\0", pae(b"application/vnd.rogatory.statement.v1+protobuf", statement))
    root = climb(sig.get(4, []), size, one(sig, 3, 0), leaf)
    composite(trust.signer(sender, one(sealing, 3), version, at), one(sig, 1), pae(b"application/vnd.rogatory.batch.v1", struct.pack(">Q", size) + root))
    print(f"ok  {folder}: signed by {sender}, Ed25519 and ML-DSA-65; message {name}")


def check(files, directory):
    listed(files)
    index = json.loads(files["evidence.json"])
    need(index["format"] == "rogatory-evidence-1", "another format")
    trust = Trust(files, directory)
    for folder in sorted({os.path.dirname(n) for n in files if n.startswith("messages/")}):
        message(files, folder, trust)
    for name in sorted(n for n in files if n.startswith("leaves/") and n.endswith(".tlog-proof")):
        e, country = proof(files, name, trust)
        need(e["k"] == "erase" or e["k"] == "case" and index["about"] == "case" and e["case"] == index["subject"], f"{name}: of another case")
        print(f"ok  {name}: leaf {e['i']} ({e['k']}) of {country}")
    for name in sorted(n for n in files if n.startswith("heads/")):
        note = Note(files[name])
        by = note.signed(trust.log(note.origin)).cosigned(trust.witnesses())
        print(f"ok  {name}: {note.size} leaves, cosigned by {len(by)}")
    for name in sorted(n for n in files if n.startswith("times/") and n.endswith(".tst")):
        stamped(files, name)


def main(args):
    if len(args) != 3 or args[1] != "--directory":
        print(__doc__)
        return 2
    try:
        with open(args[2], "rb") as f:
            directory = f.read()
        files = Files(args[0])
    except (OSError, zipfile.BadZipFile, Bad) as e:
        print(f"unreadable: {e}")
        return 1 if isinstance(e, (Bad, zipfile.BadZipFile)) else 2
    print(f"your directory: SHA-256 {sha(one(proto(directory), 1)).hex()} (compare it with another member by voice)")
    try:
        check(files, directory)
    except (Bad, ValueError, KeyError, IndexError, TypeError, AttributeError) as e:
        print(f"DOES NOT HOLD: {e}")
        return 1
    print("HOLDS: signatures, proofs, commitments and digests")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
