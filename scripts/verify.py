#!/usr/bin/env python3
"""Verifies an exported log with nothing but this file: a second implementation, for those who do not want to trust the first.

    verify.py EXPORT --directory FILE [--json]

EXPORT is a folder or zip that `rogatory-node log export` wrote, FILE the directory of members that you trust. It does what
proto/README.md, crypto/README.md, crypto/translog/README.md, node/archive/README.md and node/audit/README.md say, and shares no code with the first. It needs
Python 3.11 and python3-cryptography (Ed25519 only); ML-DSA (FIPS 204) is checked below in plain Python, a few dozen signatures a second.

    verify.py --vectors DIR          judges every published archive (crypto/translog/README.md, Vectors)

Exit: 0 clean, 1 a finding, 2 usage or unreadable, 3 incomplete. What replay judges (law, not integrity) is `not checked`.
"""
import base64, copy, functools, hashlib, hmac, json, os, re, shutil, stat, struct, sys, tempfile, zlib
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

MAXINT = 2**53 - 1
ZERO = bytes(32)


def sha(*parts):
    return hashlib.sha256(b"".join(parts)).digest()


def leaf_hash(b):
    return sha(b"\0", b)


def node_hash(a, b):
    return sha(b"\1", a, b)


# --- Ed25519 and ML-DSA ---------------------------------------------------------------------------------------------------------

P25519 = 2**255 - 19
ORDER8 = int.from_bytes(bytes.fromhex("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05"), "little")
SMALL = {0, 1, P25519 - 1, ORDER8, P25519 - ORDER8}  # y of the points whose order divides 8


def ed25519_ok(key):
    y = int.from_bytes(key, "little") & (2**255 - 1)
    return len(key) == 32 and y < P25519 and y not in SMALL


def on_curve(key):
    y2 = (int.from_bytes(key, "little") & (2**255 - 1)) ** 2
    x2 = (y2 - 1) * pow(-121665 * pow(121666, -1, P25519) * y2 + 1, -1, P25519)
    return ed25519_ok(key) and pow(x2, (P25519 - 1) // 2, P25519) == 1


def ed25519(key, sig, msg):
    if not ed25519_ok(key) or len(sig) != 64:
        return False
    try:
        Ed25519PublicKey.from_public_bytes(key).verify(sig, msg)
        return True
    except (InvalidSignature, ValueError):
        return False


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
mldsa44 = functools.lru_cache(4096)(MLDSA44.verify)
LABEL = b"COMPSIG-MLDSA65-Ed25519-SHA512"


@functools.lru_cache(4096)
def composite(key, sig, msg):
    """id-MLDSA65-Ed25519-SHA512 of draft-ietf-lamps-pq-composite-sigs, empty context: both halves must hold."""
    if len(key) != 1984 or len(sig) != 3373:
        return False
    m = b"CompositeAlgorithmSignatures2025" + LABEL + b"\0" + hashlib.sha512(msg).digest()
    return ed25519(key[1952:], sig[3309:], m) and MLDSA65.verify(key[:1952], sig[:3309], m, LABEL)


def pae(kind, body):
    return b"DSSEv1 %d %s %d %s" % (len(kind), kind, len(body), body)


# --- The one encoding of protobuf (proto/README.md) -------------------------------------------------------------------------------


class Bad(Exception):
    """Bytes that break their format; the code of the finding stands first."""

    def __init__(self, code, why):
        super().__init__(f"{code}: {why}")
        self.code, self.why = code, why


# number=name type: b bytes, s string, u uint64, w uint32, eN an enum or bool with values up to N, m:Name a message; * repeated.
PROTO = {name: {int(n): t for n, t in (f.split("=") for f in fields.split(", "))} for name, fields in {
    "Message": "1=from s, 2=to s, 3=epoch u, 4=seq u, 5=prev b, 6=docket_commit b, 7=content_commit b, 8=submitted_ms u, 9=nonce b",
    "Sealing": "1=suite u, 2=message b, 3=from_kid b, 4=to_kid b, 5=sealed_ms u, 6=expires_ms u, 7=manifest_version u, 8=manifest_digest b",
    "Statement": "1=sealing b, 2=ct_digest b, 3=ct_len u, 4=wrap_digest b",
    "BatchSignature": "1=root_signature b, 2=tree_size u, 3=index u, 4=path b*",
    "Envelope": "1=statement b, 2=sig b, 3=wrap b, 4=ct b",
    "Frame": "1=envelopes b*, 2=receipts b*, 3=advice b*",
    "SignedManifest": "1=manifest b, 2=signature b",
    "Manifest": "1=country s, 2=version u, 3=made_ms u, 4=identities m:IdentityKey*, 5=sealings m:SealingKey*, 6=log m:LogInfo, 7=witness_keys s*,"
                " 8=head b, 9=units m:UnitInfo*, 10=languages s*, 11=capacity_per_hour w, 12=regimes e5*, 13=zone s, 14=directory_version u, 15=epoch w",
    "IdentityKey": "1=kid b, 2=public_key b, 3=not_before_ms u, 4=not_after_ms u, 5=endorsement b",
    "SealingKey": "1=kid b, 2=day w, 3=public_key b",
    "LogInfo": "1=origin s, 2=keys s*",
    "UnitInfo": "1=name s, 2=authority e8, 3=services s*",
    "SignedDirectory": "1=directory b, 2=signatures m:DirectorySignature*",
    "DirectorySignature": "1=country s, 2=kid b, 3=signature b",
    "Directory": "1=federation s, 2=version u, 3=previous b, 4=valid_from_ms u, 5=valid_until_ms u, 6=threshold w, 7=members m:Member*,"
                 " 8=rules m:Rule*, 9=calendars m:HolidayCalendar*, 10=tzdata s",
    "Member": "1=country s, 2=root_key b, 3=log m:LogInfo, 4=genesis b, 5=founders b*, 6=zone s, 7=name s",
    "Rule": "1=name s, 2=from s*, 3=to s*, 4=authorities e8*, 5=methods s*, 6=purposes e9*, 7=minimum_penalty_years w, 8=verdict e3, 9=ground e12,"
            " 10=regimes e5*",
    "HolidayCalendar": "1=country s, 2=version w, 3=dates s*, 4=rest_days w*",
    "Officer": "1=pseudonym s, 2=public_key b, 3=units s*, 4=rights e7*, 5=agency e1",
    "Enrolment": "1=officer b, 2=assertions m:Assertion*, 3=revoked e1",
    "Assertion": "1=act b, 2=kid b, 3=signature b",
    "Act": "1=verb e19, 2=case_token s, 3=actor s, 4=nonce b, 5=at_ms u, 6=targets m:ActTarget*, 7=subject b, 8=reason s",
    "ActTarget": "1=to s, 2=unit s, 3=docket_commit b, 4=content_commit b",
}.items()}


def varint(b, i):
    n, shift = 0, 0
    while True:
        if i >= len(b) or shift > 63:
            raise Bad("E-SCHEMA", "protobuf: varint does not end")
        n |= (b[i] & 127) << shift
        i += 1
        if b[i - 1] < 128:
            break
        shift += 7
    if i > 1 and b[i - 1] == 0 and shift or n >= 2**64:
        raise Bad("E-SCHEMA", "protobuf: varint is not minimal")
    return n, i


def number(kind, v):
    if v > (2**64 - 1 if kind == "u" else 2**32 - 1 if kind == "w" else int(kind[1:])):
        raise Bad("E-SCHEMA", "protobuf: a value out of its range")
    return v


def proto(name, b, limit=1 << 24):
    """Reads the one encoding of a message; bytes fields are kept as they are."""
    if len(b) > limit:
        raise Bad("E-SCHEMA", f"{name} of {len(b)} bytes")
    fields, out, i, last = PROTO[name], {}, 0, 0
    for spec in fields.values():
        field, kind = spec.split()
        out[field] = [] if kind[-1] == "*" else b"" if kind == "b" else "" if kind == "s" else {} if kind[0] == "m" else 0
    while i < len(b):
        tag, i = varint(b, i)
        num, wire = tag >> 3, tag & 7
        if num not in fields:
            raise Bad("E-SCHEMA", f"{name}: unknown field {num}")
        field, kind = fields[num].split()
        many, kind = kind[-1] == "*", kind.rstrip("*")
        if num < last or num == last and (not many or kind[0] in "uwe"):
            raise Bad("E-SCHEMA", f"{name}.{field}: out of order")
        last = num
        if wire != (0 if kind[0] in "uwe" and not many else 2):
            raise Bad("E-SCHEMA", f"{name}.{field}: wrong type")
        n, i = varint(b, i)
        if wire == 0:
            if not n:
                raise Bad("E-SCHEMA", f"{name}.{field}: default written")
            out[field] = number(kind, n)
            continue
        if i + n > len(b):
            raise Bad("E-SCHEMA", f"{name}.{field}: ends early")
        v, i = b[i:i + n], i + n
        if kind[0] in "uwe":
            at = 0
            while at < len(v):
                one, at = varint(v, at)
                out[field].append(number(kind, one))
            if not v:
                raise Bad("E-SCHEMA", f"{name}.{field}: empty list written")
            continue
        if not many and not v and kind[0] != "m":
            raise Bad("E-SCHEMA", f"{name}.{field}: default written")
        if kind == "s":
            try:
                v = v.decode()
            except UnicodeDecodeError:
                raise Bad("E-SCHEMA", f"{name}.{field}: not UTF-8") from None
        elif kind[0] == "m":
            v = proto(kind[2:], v)
        out[field] = out[field] + [v] if many else v
    return out


# --- Leaves (crypto/translog/README.md) --------------------------------------------------------------------------------------------

CHARSET = {"code": r"[A-Za-z0-9][A-Za-z0-9._:-]{0,63}", "token": r"[A-Za-z0-9_-]{1,64}", "member": r"[A-Z][A-Z0-9-]{1,15}",
           "address": r"[A-Z][A-Z0-9-]{1,15}(/[a-z0-9-]{1,32})?", "origin": r"[A-Za-z0-9][A-Za-z0-9._/-]{0,127}"}
# A `?` after the type: the member is optional. `hash~` may be empty.
KINDS = {kind: dict(m.split(":") for m in members.split()) for kind, members in {
    "genesis": "country:member directory:hash epoch:int founders:hash[]? log:origin prev_log:origin? prev_root:hash? prev_size:int? spec:code",
    "msg": "content_commit:hash dir:in|out directory_version:int docket_commit:hash epoch:int first_at:int? from:member manifest_version:int"
           " msg:hash prev:hash~ seq:int sig:hash~ size:int stmt:hash~ to:member",
    "reseal": "of:hash sig:hash stmt:hash",
    "whole": "list:hash msg:hash",
    "rcpt": "index:int log:origin of:hash ref:int rej:code? root:hash size:int whole:flag",
    "rej": "code:code from:member msg:hash",
    "stray": "counts:counts hour:int",
    "wit": "log:origin root:hash size:int time:int",
    "cos": "by:origin[]? count:int digest:hash log:origin root:hash size:int",
    "op": "assertion:hash? basis:code case:token? of:hash[]? of_count:int of_digest:hash? recipient:address?"
          " verb:alter|collect|combine|consult|disclose|erase|transfer who:token why:code",
    "erase": "assertion:hash? basis:code by:token of:hash[]? of_count:int of_digest:hash? what:code[]",
    "case": "assertion:hash? case:token decision:code? docket:hash due:int? event:code from_state:code? manifest:int? of:hash? policy:hash? rule:code? to_state:code unit:token?",
    "policy": "assertion:hash? digest:hash name:code version:int",
    "actor": "by:token[]? digest:hash event:code who:token",
    "dataset": "count:int digest:hash name:code",
    "filter": "dataset:code day:int digest:hash",
    "match": "count:int dataset:code digest:hash dir:in|out peer:member purpose:code",
    "alarm": "detector:code digest:hash peer:member?",
    "state": "size:int snapshot:hash? state:hash",
    "key": "event:code key:hash not_after:int? not_before:int? use:code",
    "dir": "digest:hash member:member? prev:hash? version:int what:directory|manifest",
    "time": "digest:hash root:hash size:int time:int type:code",
    "node": "digest:hash? event:recover|restore|start|stop|upgrade program:code",
}.items()}


def unb64url(s):
    """32 bytes in base64url without padding, the bits that belong to no byte zero, not all zero."""
    if not re.fullmatch(r"[A-Za-z0-9_-]{43}", s):
        raise Bad("E-SCHEMA", "not a hash")
    b = base64.urlsafe_b64decode(s + "=")
    if base64.urlsafe_b64encode(b)[:43].decode() != s or b == ZERO:
        raise Bad("E-SCHEMA", "not a hash")
    return b


def b64url(b):
    return base64.urlsafe_b64encode(b).rstrip(b"=").decode()


def _value(v, kind):
    if kind in ("int", "flag"):
        if type(v) is not int or not 0 <= v <= (1 if kind == "flag" else MAXINT):
            raise Bad("E-SCHEMA", f"not an {kind}")
        return v
    if kind == "counts":
        if type(v) is not list or not 1 <= len(v) <= 64 or any(type(p) is not list or len(p) != 2 for p in v):
            raise Bad("E-SCHEMA", "not counts")
        for i, (code, n) in enumerate(v):
            _value(code, "code"), _value(n, "int")
            if not n or i and v[i - 1][0] >= code:
                raise Bad("E-SCHEMA", "counts out of order")
        return v
    if kind.endswith("[]"):
        if type(v) is not list or not 1 <= len(v) <= 64:
            raise Bad("E-SCHEMA", "not a list")
        out = [_value(x, kind[:-2]) for x in v]
        if kind != "hash[]" and any(a >= b for a, b in zip(out, out[1:])):
            raise Bad("E-SCHEMA", "list out of order")
        return out
    if type(v) is not str:
        raise Bad("E-SCHEMA", "not a string")
    if kind == "hash~" and v == "":
        return b""
    if kind.rstrip("~") == "hash":
        return unb64url(v)
    if kind in CHARSET and not re.fullmatch(CHARSET[kind], v) or "|" in kind and v not in kind.split("|"):
        raise Bad("E-SCHEMA", f"not a {kind}")
    return v


def leaf(b):
    """Parses one leaf; what it returns has hashes as bytes."""
    if len(b) > 8192:
        raise Bad("E-CANON", "leaf too long")
    if any(c < 0x20 or c > 0x7E or c == 0x5C for c in b):
        raise Bad("E-CANON", "a byte that no leaf has")
    try:
        e = json.loads(b, parse_float=lambda s: 1 / 0, parse_constant=lambda s: 1 / 0,
                       object_pairs_hook=lambda p: p if len({k for k, _ in p}) == len(p) else 1 / 0)
    except (ValueError, ZeroDivisionError, RecursionError):
        raise Bad("E-CANON", "not one JSON object") from None
    if type(e) is not list or not b.startswith(b"{"):
        raise Bad("E-CANON", "not one JSON object")
    e = dict(e)

    def plain(v, depth):
        if type(v) is list:
            return depth < 2 and not any(type(x) is tuple for x in v) and all(plain(x, depth + 1) for x in v)
        return type(v) is str or type(v) is int and 0 <= v <= MAXINT
    if not all(plain(v, 0) for v in e.values()):
        raise Bad("E-CANON", "a value that no leaf has")
    if json.dumps(e, separators=(",", ":"), sort_keys=True, ensure_ascii=False).encode() != b:
        raise Bad("E-CANON", "another spelling")
    kind, v = e.get("k"), e.get("v")
    if type(v) is int and v > 1:
        raise Bad("VERSION", "a version that this text does not know")
    if kind not in KINDS or v != 1:
        raise Bad("E-SCHEMA", "unknown kind or version")
    members, out = KINDS[kind], {}
    for name in ("at", "i"):
        out[name] = _value(e.get(name), "int")
    out["k"] = kind
    for name in e:
        if name not in members and name not in ("at", "i", "k", "v"):
            raise Bad("E-SCHEMA", f"{kind} has no {name}")
    for name, t in members.items():
        optional, t = t.endswith("?"), t.rstrip("?")
        if name not in e:
            if not optional:
                raise Bad("E-SCHEMA", f"{kind} without {name}")
            out[name] = [] if t.endswith("[]") else b"" if "hash" in t else 0 if t in ("int", "flag") else ""
            continue
        out[name] = _value(e[name], t)
        if optional and not out[name]:
            raise Bad("E-SCHEMA", f"{name} has nothing to say")
    wrong = _together(kind, out)
    if wrong:
        raise Bad("E-SCHEMA", wrong)
    return out


def _together(kind, e):
    """What concerns several members at once."""
    if kind == "genesis" and e["i"]:
        return "genesis stands only at index 0"
    if kind == "genesis" and (bool(e["prev_log"]) != bool(e["prev_root"]) or bool(e["prev_log"]) != bool(e["prev_size"])):
        return "prev_log, prev_root, prev_size: all three or none"
    if kind == "msg":
        if e["from"] == e["to"] or bool(e["stmt"]) != bool(e["sig"]) or not e["stmt"] and e["dir"] == "in" or e["first_at"] and not e["stmt"]:
            return "members of msg do not fit each other"
    if kind == "rcpt" and (e["index"] >= e["size"] or e["whole"] and e["rej"]):
        return "members of rcpt do not fit each other"
    if kind == "stray" and e["hour"] % 3_600_000:
        return "hour is not the start of one"
    if kind == "cos" and len(e["by"]) != e["count"] and (e["by"] or e["count"] <= 64):
        return "list and count differ"
    if kind in ("op", "erase") and (bool(e["of_digest"]) == (e["of_count"] <= 64) or len(e["of"]) != e["of_count"] and (e["of"] or e["of_count"] <= 64)):
        return "list, count and digest do not fit"
    if kind == "case" and bool(e["rule"]) != bool(e["policy"]):
        return "one of rule and policy is missing"
    if kind == "dir" and (e["what"] == "manifest") != bool(e["member"]):
        return "a manifest has a member, a directory none"
    return ""


# --- Tree ---------------------------------------------------------------------------------------------------------------------------


def root_of(hashes):
    """Merkle tree hash of RFC 6962 over leaf hashes."""
    if not hashes:
        return sha()
    while len(hashes) > 1:
        odd = [hashes[-1]] if len(hashes) % 2 else []
        hashes = [node_hash(a, b) for a, b in zip(hashes[::2], hashes[1::2])] + odd
    return hashes[0]


def included(path, size, root, index, h):
    """RFC 9162, 2.1.3.2."""
    if not 0 <= index < size:
        return False
    f, s = index, size - 1
    for p in path:
        if s == 0:
            return False
        if f & 1 or f == s:
            h = node_hash(p, h)
            while not f & 1 and f:
                f, s = f >> 1, s >> 1
        else:
            h = node_hash(h, p)
        f, s = f >> 1, s >> 1
    return s == 0 and h == root


# --- Notes: checkpoints and cosignatures ---------------------------------------------------------------------------------------------


def unb64(s):
    b = base64.b64decode(s, validate=True)
    if base64.b64encode(b).decode() != s:
        raise ValueError
    return b


class Key:
    """A public key in its text form name+id+base64(type || key), of one of the given types."""

    def __init__(self, text, types):
        try:
            self.name, kid, b = text.split("+", 2)
            raw = unb64(b)
            self.id, self.type, self.key = bytes.fromhex(kid), raw[0], raw[1:]
        except (ValueError, IndexError):
            raise Bad("E-KEY", "text form of a key") from None
        if kid != sha(self.name.encode(), b"\n", raw)[:4].hex() or self.type not in types or not re.fullmatch(CHARSET["origin"], self.name) \
                or (len(self.key) != 1312 if self.type == 6 else not ed25519_ok(self.key)):
            raise Bad("E-KEY", "key id, type or form of a key")
        self.text = text

    def verify(self, sig, cp):
        """The time that a signature over a head states, 0 for 0x01; None when it does not verify."""
        if self.type == 1:
            return 0 if ed25519(self.key, sig, cp.text) else None
        t, sig = int.from_bytes(sig[:8], "big"), sig[8:]
        if t >= 2**63:
            return None
        if self.type == 4:
            return t if ed25519(self.key, sig, b"cosignature/v1\ntime %d\n" % t + cp.text) else None
        name, origin = self.name.encode(), cp.origin.encode()
        return t if mldsa44(self.key, sig, b"subtree/v1\n\0" + bytes([len(name)]) + name + struct.pack(">Q", t)
                            + bytes([len(origin)]) + origin + struct.pack(">QQ", 0, cp.size) + cp.root) else None


def key_pair(texts, name, types):
    """The two keys of a log (types 1 and 6) or witness (4 and 6); name None for any."""
    if len(texts) != 2:
        raise Bad("E-KEY", "not two keys")
    pair = Key(texts[0], types[:1]), Key(texts[1], types[1:])
    if pair[0].name != pair[1].name or name is not None and pair[0].name != name:
        raise Bad("E-KEY", "keys of another name")
    return pair


class Checkpoint:
    """A signed note with the three lines of a checkpoint; lines: [(name, key id, signature)] in their order.

    What it raises has for code `note` (no such note), `canon` (lines that are not listed) or `sig` (signatures, another log)."""

    def __init__(self, note):
        try:
            text = note.decode()
            if len(note) > 1_000_000:
                raise Bad("sig", "too large")
            if any(c < " " and c != "\n" for c in text) or not text.endswith("\n"):
                raise ValueError
            body, sigs = text.rsplit("\n\n", 1)
            lines = body.split("\n")
            if len(lines) != 3 or not re.fullmatch(CHARSET["origin"], lines[0]) or not re.fullmatch("0|[1-9][0-9]{0,15}", lines[1]):
                raise ValueError
            self.origin, self.size, self.root = lines[0], int(lines[1]), unb64(lines[2])
            if self.size > MAXINT or len(self.root) != 32 or (self.size == 0) != (self.root == sha()):
                raise ValueError
            self.text, self.lines = (body + "\n").encode(), []
            for line in sigs[:-1].split("\n"):
                dash, name, sig = line.split(" ")
                raw = unb64(sig)
                if dash != "\u2014" or not name or "+" in name or any(c.isspace() for c in name) or len(raw) < 5:
                    raise ValueError
                self.lines.append((name, raw[:4], raw[4:]))
            if len(self.lines) > 100 or len(set(sigs[:-1].split("\n"))) != len(self.lines):
                raise ValueError
        except (ValueError, IndexError):
            raise Bad("note", "not a checkpoint") from None

    def signed_by(self, log):
        """As on the wire: both signatures of the log are there, once, and verify; other lines are ignored."""
        if self.origin != log[0].name:
            raise Bad("sig", "of another log")
        mine = [[s for n, i, s in self.lines if n == k.name and i == k.id] for k in log]
        if any(len(m) > 1 for m in mine):
            raise Bad("note", "two lines of one key")
        if not all(m and k.verify(m[0], self) == 0 for m, k in zip(mine, log)):
            raise Bad("sig", "a signature of the log is missing or does not verify")
        return self

    def export_form(self, log, witnesses):
        """As in files: the log's two lines, then two of each witness, ascending by name. Returns [(name, time)].

        witnesses: [(0x04 key, 0x06 key, logs it keeps or kept)]."""
        self.signed_by(log)
        by, rest = [], self.lines[2:]
        if [l[:2] for l in self.lines[:2]] != [(k.name, k.id) for k in log] or len(rest) % 2:
            raise Bad("canon", "lines that are not listed")
        for (name, kid, ed), (name2, kid2, pq) in zip(rest[::2], rest[1::2]):
            w = next((w for w in witnesses if (w[0].name, w[0].id) == (name, kid)), None)
            if w is None or by and by[-1][0] >= name:
                raise Bad("canon", "a line of nobody, or out of order")
            if self.origin in w[2]:
                raise Bad("sig", "nobody is a witness of its own log")
            if (name2, kid2) != (w[1].name, w[1].id):
                raise Bad("canon", "a cosignature without its pair")
            t = w[0].verify(ed, self)
            if not t or ed[:8] != pq[:8] or w[1].verify(pq, self) != t:
                raise Bad("sig", "a cosignature does not verify")
            by.append((name, t))
        return by


# --- The archive (node/archive/README.md) -------------------------------------------------------------------------------------------


def tile_name(n):
    s = str(n)
    s = s.zfill(-(-len(s) // 3) * 3)
    g = [s[i:i + 3] for i in range(0, len(s), 3)]
    return "/".join(["x" + x for x in g[:-1]] + g[-1:])


def width(size, level, n):
    return max(0, min((size >> 8 * level) - 256 * n, 256))


def tile_path(folder, n, w):
    return f"{folder}/{tile_name(n)}" + (f".p/{w}" if w < 256 else "")


TILE = re.compile(r"(tile/[0-5]|tile/entries|sides)/((?:x[0-9]{3}/)*[0-9]{3})(?:\.p/([0-9]{1,3}))?")


def place(path):
    """(folder, number, width) of a name that an archive may have, else None; width 0 for what is no tile."""
    m = TILE.fullmatch(path)
    if m:
        n, w = int(m[2].replace("x", "").replace("/", "")), int(m[3] or 256)
        return (m[1], n, w) if tile_path(m[1], n, w) == path and 1 <= w and n < 2**40 else None
    m = re.fullmatch(r"directories/([1-9][0-9]{0,18})|forks/([1-9][0-9]{0,18})-[a-z-]{1,32}|manifests/[0-9a-f]{64}|archive\.json|log\.vkey|checkpoint", path)
    return (path.split("/")[0], int(m[1] or m[2] or 0), 0) if m and int(m[1] or m[2] or 0) < 2**63 else None


def first_leaf(p):
    return -1 if not p or not p[2] else p[1] * 256 << (8 * int(p[0][5:]) if p[0][5:].isdigit() else 0)


def may_be_folder(path):
    if path in ("tile", "tile/entries", "sides", "directories", "manifests", "forks") or re.fullmatch("tile/[0-5]", path):
        return True
    return bool(place(path + ("/1" if path.endswith(".p") else "/000")))


def list_folder(root):
    """Yields (name, whether it is a file)."""
    def walk(path):
        names = os.listdir(os.path.join(root, path))
        if not names and path:
            yield path, False
        for name in names:
            at = f"{path}/{name}".lstrip("/")
            mode = os.lstat(os.path.join(root, at)).st_mode
            if stat.S_ISDIR(mode) and may_be_folder(at):
                yield from walk(at)
            else:
                yield at, stat.S_ISREG(mode)
    return walk("")


def read_zip(b):
    """The files of a zip in its one form: [(name, content or None where its CRC is wrong)]."""
    def local(name, crc, size):
        return b"PK\3\4" + struct.pack("<HHHHHIIIHH", 20, 0, 0, 0, 33, crc, size, size, len(name), 0) + name

    def central(name, crc, size, at):
        big = at >= 2**32 - 1
        return b"PK\1\2" + struct.pack("<HHHHHHIIIHHHHHII", 0x032D, 45 if big else 20, 0, 0, 0, 33, crc, size, size, len(name), 12 if big else 0, 0, 0, 0,
                                       0x81A40000, min(at, 2**32 - 1)) + name + (struct.pack("<HHQ", 1, 8, at) if big else b"")

    def end(count, size, at):
        if count < 2**16 - 1 and size < 2**32 - 1 and at < 2**32 - 1:
            return b"PK\5\6" + struct.pack("<HHHHIIH", 0, 0, count, count, size, at, 0)
        return b"PK\6\6" + struct.pack("<QHHIIQQQQ", 44, 0x032D, 45, 0, 0, count, count, size, at) + b"PK\6\7" + struct.pack("<IQI", 0, at + size, 1) \
            + b"PK\5\6" + struct.pack("<HHHHIIH", 0, 0, 2**16 - 1, 2**16 - 1, 2**32 - 1, 2**32 - 1, 0)
    try:
        count, size, start = struct.unpack("<HII", b[-12:-2])
        if count == 2**16 - 1:
            count, size, start = struct.unpack("<QQQ", b[-66:-42])
        if count > 1 << 22 or start + size > len(b) or b[start + size:] != end(count, size, start):
            raise ValueError
        at, c, files = 0, start, []
        for _ in range(count):
            crc, n, _, length = struct.unpack("<IIIH", b[c + 16:c + 30])
            name = b[c + 46:c + 46 + length]
            one, two = central(name, crc, n, at), local(name, crc, n)
            if not 1 <= length <= 256 or n > 64 << 20 or b[c:c + len(one)] != one or b[at:at + len(two)] != two or at + len(two) + n > start:
                raise ValueError
            content = b[at + len(two):at + len(two) + n]
            files.append((name.decode("utf-8", "replace"), content if zlib.crc32(content) == crc else None))
            at, c = at + len(two) + n, c + len(one)
        if at != start or c != start + size:
            raise ValueError
        return files
    except (ValueError, struct.error):
        raise Bad("E-CANON", "zip") from None


class Archive:
    """Names are looked at first, so that nothing hides; what has no place or is missing is in found: [(code, index, why)]."""

    def __init__(self, path):
        self.found, self.files, self.hashes = [], set(), {}
        if os.path.isdir(path):
            self.root = path
            if not os.path.exists(self.at("archive.json")):
                raise OSError("no archive here")
            self.zip, names = None, list(list_folder(path))
        else:
            with open(path, "rb") as f:
                files = read_zip(f.read())
            self.zip, names = dict(reversed(files)), [(n, not any(n == m for m, _ in files[:i])) for i, (n, _) in enumerate(files)]
            if "archive.json" not in self.zip:
                raise OSError("no archive here")
        self.files = {"archive.json"}
        self.info = read_info(self.read("archive.json", 4096))
        self.size = self.info["size"]
        self.limited = any(self.info[n] for n in ("case", "unit", "from", "until"))
        self.files = set()
        for name, good in names:
            p = place(name)
            level = int(p[0][5:]) if p and p[0][5:].isdigit() else 0
            if not p or not good or p[2] and p[2] != width(self.size, level, p[1]) or p[0] == "tile/entries" and self.limited:
                self.found.append(("E-EXTRA", first_leaf(p), f"{name} has no place in an archive"))
            else:
                self.files.add(name)
        missing = [n for n in ("log.vkey", "checkpoint") if n not in self.files]
        for folder in ["tile/entries"] * (not self.limited) + [f"tile/{level}" for level in range(6)]:
            level, n = int(folder[5:]) if folder[5:].isdigit() else 0, 0
            while width(self.size, level, n):
                name = tile_path(folder, n, width(self.size, level, n))
                n += 1
                if name not in self.files:
                    missing.append(name)
                    if len(missing) > 4096:
                        raise Bad("E-MISSING", "most tiles")
        self.found += [("E-MISSING", first_leaf(place(n)), f"{n} is missing") for n in missing]

    def at(self, name):
        return os.path.join(self.root, name)

    def under(self, folder):
        return sorted(n for n in self.files if n.startswith(folder + "/"))

    def read(self, name, limit=16 << 20):
        bad = Bad("E-CANON", f"{name}: size or checksum")
        bad.index = first_leaf(place(name))
        if name not in self.files:
            bad.code, bad.why = "E-MISSING", f"{name} is missing"
            raise bad
        if self.zip is None:
            with open(self.at(name), "rb") as f:
                b = f.read(limit + 1)
        else:
            b = self.zip[name]
        if b is None or len(b) > limit:
            raise bad
        return b

    def tile_hashes(self, level, n):
        if (level, n) not in self.hashes:
            w = width(self.size, level, n)
            name = tile_path(f"tile/{level}", n, w)
            b = self.read(name, 8192)
            if len(b) != 32 * w:
                raise indexed(Bad("E-CANON", f"{name}: {len(b)} bytes"), first_leaf(place(name)))
            self.hashes[level, n] = [b[i:i + 32] for i in range(0, len(b), 32)]
        return self.hashes[level, n]

    def root_at(self, size):
        """The root of the first leaves, from the hashes in the archive."""
        out, start = None, size
        for bit in range(size.bit_length()):
            if size >> bit & 1:
                start -= 1 << bit
                level, n = bit // 8, start >> bit - bit % 8
                h = root_of(self.tile_hashes(level, n // 256)[n % 256:n % 256 + (1 << bit % 8)])
                out = h if out is None else node_hash(h, out)
        return sha() if out is None else out

    def tile(self, n):
        """[(leaf or None, its hash where the leaf is not there, {name: record})] of a tile."""
        w = width(self.size, 0, n)
        if self.limited:
            out = [[None, h, {}] for h in self.tile_hashes(0, n)]
        else:
            name, out, at = tile_path("tile/entries", n, w), [], 0
            b = self.read(name, 256 * 8194)
            for _ in range(w):
                length = int.from_bytes(b[at:at + 2], "big")
                out.append([b[at + 2:at + 2 + length], None, {}])
                at += 2 + length
                if not 1 <= length <= 8192 or at > len(b):
                    raise indexed(Bad("E-CANON", f"{name}: lengths"), 256 * n)
            if at != len(b):
                raise indexed(Bad("E-CANON", f"{name}: more than its leaves"), 256 * n)
        name, last, at = tile_path("sides", n, w), (-1, b""), 0
        if name not in self.files:
            return out
        try:
            b = self.read(name, 64 << 20)
            while at < len(b) or not b:
                offset, length = b[at], b[at + 1]
                record = b[at + 2:at + 2 + length]
                size = struct.unpack(">I", b[at + 2 + length:at + 6 + length])[0]
                at += 6 + length + size
                if at > len(b) or size > 4 << 20 or offset >= w or (offset, record) <= last or not re.fullmatch(rb"[a-z-]{1,32}", record):
                    raise ValueError
                last = offset, record
                out[offset][2][record.decode()] = b[at - size:at]
            for e in out:
                if self.limited and e[2]:
                    e[0] = e[2].pop("entry")
                if "entry" in e[2] or e[0] is not None and not 1 <= len(e[0]) <= 8192:
                    raise ValueError
        except (ValueError, IndexError, KeyError, struct.error):
            raise indexed(Bad("E-CANON", f"{name}: form of side records"), 256 * n) from None
        return out


def indexed(bad, index):
    bad.index = index
    return bad


def read_info(b):
    order, kinds = ("case", "country", "format", "from", "log", "root", "size", "unit", "until"), {"from": int, "size": int, "until": int}
    try:
        i, said = {n: kinds.get(n, str)() for n in order}, json.loads(b.decode("utf-8", "replace"))
        for n in said.keys():  # a member that is not there is found below, unless it is the format
            if n.lower() in i and type(said[n]) is not type(i[n.lower()]):
                raise ValueError
            i.update({n.lower(): said[n]} if n.lower() in i else {})
        i["hash"] = unb64url(i["root"]) if i["root"] else ZERO
    except (ValueError, TypeError, AttributeError, RecursionError, Bad):
        raise Bad("E-CANON", "archive.json") from None
    if i["format"] != "rogatory-archive-1":
        raise Bad("E-SCHEMA", "a format that this text does not know")
    form = {"country": "{2,16}", "log": "{1,128}", "unit": "{0,64}", "case": "{0,64}"}
    if any(not re.fullmatch("[A-Za-z0-9._:/-]" + n, i[m]) for m, n in form.items()) or not all(0 <= i[n] <= MAXINT for n in kinds) \
            or i["size"] >= 2**48 or i["until"] and i["until"] <= i["from"] or (i["size"] == 0) != (i["root"] == "") \
            or json.dumps({n: i[n] for n in order}, separators=(",", ":")).encode() + b"\n" != b:
        raise Bad("E-CANON", "archive.json")
    return i


# --- Directories and manifests (proto/README.md) -------------------------------------------------------------------------------------

LATEST, SKEW = 253402300799999, 120_000  # ms: the end of the year 9999; how far clocks may differ


def check(ok, code, why):
    if not ok:
        raise Bad(code, why)


def kid_of(key):
    return sha(b"rogatory/v1/kid\0", key)[:8]


def identity_ok(key):
    return len(key) == 1984 and on_curve(key[1952:])


def log_number(origin, federation, country):
    m = re.fullmatch(r"(.*)/([A-Z]{2})/log/([1-9][0-9]{0,3})", origin)
    return int(m[3]) if m and m[1] == federation and m[2] == country and int(m[3]) <= 1000 else 0


def unique(keys, why):
    check(len(keys) == len(set(keys)), "E-KEY", why)


ZONE = r"(?!Local$)[A-Za-z0-9_+-]+(/[A-Za-z0-9_+-]+)*"


def officer(b):
    o = proto("Officer", b, 8 << 10)
    o["bytes"], o["kid"] = b, kid_of(o["public_key"])
    check(re.fullmatch("[a-z0-9-]{1,64}", o["pseudonym"]) and on_curve(o["public_key"]), "E-CANON", "officer")
    check(o["units"] == sorted(set(o["units"])) and all(re.fullmatch("[a-z0-9][a-z0-9-]{0,31}", u) for u in o["units"]) and len(o["units"]) <= 64, "E-CANON", "units")
    check(o["rights"] == sorted(set(o["rights"])) and 0 not in o["rights"] and (not o["agency"] or set(o["rights"]) <= {1, 2, 6}), "E-CANON", "rights")
    return o


def read_directory(b):
    """A SignedDirectory's form; none of its signatures is verified. What it raises is E-CANON or a code that counts as such."""
    s = proto("SignedDirectory", b, 1280 << 10)
    d = proto("Directory", s["directory"], 768 << 10)
    order = [(x["country"], x["kid"]) for x in s["signatures"]]
    check(order == sorted(set(order)) and len(order) <= 192 and all(re.fullmatch("[A-Z]{2}", x["country"]) and len(x["kid"]) == 8
          and len(x["signature"]) == 3373 for x in s["signatures"]), "E-CANON", "signatures of a directory")
    d.update(bytes=s["directory"], digest=sha(s["directory"]), signatures=s["signatures"], by={m["country"]: m for m in d["members"]})
    n, names = len(d["members"]), [m["country"] for m in d["members"]]
    check(re.fullmatch("[a-z0-9][a-z0-9.-]{0,63}", d["federation"]) and 1 <= d["version"] < 2**53 and len(d["previous"]) == (32 if d["version"] > 1 else 0)
          and d["valid_from_ms"] < d["valid_until_ms"] <= min(LATEST, d["valid_from_ms"] + 5 * 366 * 86_400_000)
          and 1 <= n <= 64 and n < 2 * d["threshold"] <= 2 * n and names == sorted(set(names)) and re.fullmatch("[0-9]{4}[a-z]", d["tzdata"]), "E-CANON", "directory")
    raw = []
    for m in d["members"]:
        m["keys"], m["founders"] = key_pair(m["log"].get("keys", []), m["log"]["origin"], (1, 6)), [officer(f) for f in m["founders"]]
        check(re.fullmatch("[A-Z]{2}", m["country"]) and identity_ok(m["root_key"]) and log_number(m["log"]["origin"], d["federation"], m["country"])
              and len(m["genesis"]) in (0, 32) and re.fullmatch(ZONE, m["zone"]) and len(m["zone"]) <= 64 and 1 <= len(m["name"].encode()) <= 128
              and m["name"].isprintable() and len(m["founders"]) == 2 and m["founders"][0]["pseudonym"] != m["founders"][1]["pseudonym"]
              and all(4 in f["rights"] and not f["agency"] for f in m["founders"]), "E-CANON", f"member {m['country']}")
        raw += [m["root_key"][:1952], m["root_key"][1952:], m["keys"][0].key, m["keys"][1].key] + [f["public_key"] for f in m["founders"]]
    unique(raw, "a key stands twice in the directory")
    return d


def tally(before, d):
    """Verifies the signatures under a directory. before: the one before it, None where it is pinned. Returns who signed: (by keys of before, by its own)."""
    old, own, signed = set(), set(), pae(b"application/vnd.rogatory.directory.v1+protobuf", d["bytes"])
    for s in d["signatures"]:
        roots = [x["by"][s["country"]]["root_key"] if x and s["country"] in x["by"] and kid_of(x["by"][s["country"]]["root_key"]) == s["kid"] else None for x in (before, d)]
        key = roots[0] or roots[1]
        if key is None and not before and d["version"] > 1:
            continue
        check(key and composite(key, s["signature"], signed), "E-KEY", f"directory {d['version']}: signature of {s['country']}")
        old |= {s["country"]} if roots[0] else set()
        own |= {s["country"]} if roots[1] == key else set()
    return old, own


def pinned(b, digest):
    d = read_directory(b)
    check(d["digest"] == digest, "E-KEY", f"directory {d['version']} has another digest")
    _, own = tally(None, d)
    check(d["version"] > 1 or own == set(d["by"]), "E-KEY", "a first directory is signed by all its members")
    return d


def follows(before, d):
    check(d["version"] == before["version"] + 1 and d["previous"] == before["digest"] and d["federation"] == before["federation"], "E-KEY", f"directory {d['version']} does not follow")
    return tally(before, d)


def advance(before, b):
    d = read_directory(b)
    old, own = follows(before, d)
    check(len(old & set(before["by"])) >= before["threshold"], "E-KEY", "threshold")
    check(all(c in own or c in before["by"] and before["by"][c]["root_key"] == m["root_key"] for c, m in d["by"].items()), "E-KEY", "a new key has not signed")
    return d


def valid_at(k, ms):
    return ms + SKEW >= k["not_before_ms"] and ms <= k["not_after_ms"]


def chained(country, k, trusted, root, ms):
    """Whether an identity key leads back to the directory's root key, given keys that do."""
    if k["public_key"] == root:
        return True
    said = sha(b"rogatory/v1/identity\0", country.encode(), b"\0", k["public_key"], struct.pack(">QQ", k["not_before_ms"], k["not_after_ms"]))
    for t in trusted:
        if valid_at(t, ms) and (t["public_key"] == k["public_key"] and t["not_before_ms"] == k["not_before_ms"] and k["not_after_ms"] <= t["not_after_ms"]
                                or t["public_key"] != k["public_key"] and composite(t["public_key"], k["endorsement"], said)):
            return True
    return composite(root, k["endorsement"], said)


def under(m, root, ms):
    """The identity keys of a manifest that count when the directory names this root key; None when the manifest counts no more."""
    if m["root"] in (root, None):
        return m["count"]
    left, first = [], m["identities"][0]["public_key"]
    for k in reversed(m["identities"]):
        if any(k["public_key"] == c["public_key"] for c in m["count"]) and chained(m["country"], k, left, root, ms):
            left.insert(0, k)
    return left if any(k["public_key"] == first for k in left) else None


def read_manifest(signed):
    """What the archive's own manifest says; whether it leads to a directory, judge_manifest finds out."""
    s = proto("SignedManifest", signed, 200 << 10)
    m = proto("Manifest", s["manifest"], 192 << 10)
    check(all(identity_ok(k["public_key"]) for k in m["identities"]), "E-CANON", "identity key")
    m.update(bytes=s["manifest"], digest=sha(s["manifest"]), signature=s["signature"], origin=m["log"].get("origin", ""))
    m["keys"], m["witness"] = key_pair(m["log"].get("keys", []), m["origin"], (1, 6)), key_pair(m["witness_keys"], None, (4, 6))
    stem, _, n = m["origin"].rpartition("/")
    check(re.fullmatch("[0-9]{1,4}", n) and 1 <= int(n) <= 1000, "E-CANON", "number of a log")
    m["kept"] = {f"{stem}/{i}" for i in range(1, int(n) + 1)}
    return m


def judge_manifest(m, d, ms, have, known=False):
    """ParseManifest: the manifest m holds at ms under the directory d, after have. Returns it with root, count: the keys that count. known: it was judged before."""
    c, ids, own = m["country"], m["identities"], d["by"].get(m["country"])
    check(own, "E-KEY", "a stranger's manifest")
    check(1 <= m["version"] < 2**53 and m["version"] <= m["made_ms"] // 1000 and m["made_ms"] <= LATEST and 1 <= m["directory_version"] < 2**53 and m["epoch"]
          and re.fullmatch(ZONE, m["zone"]) and len(m["zone"]) <= 64, "E-KEY", "head of a manifest")
    check(known or m["made_ms"] <= ms + SKEW, "E-KEY", "made in the future")
    check(not have or m["version"] > have["version"], "E-KEY", "a manifest is not newer than the one before")
    check(1 <= len(ids) <= 4 and all(k["kid"] == kid_of(k["public_key"]) and k["not_before_ms"] < k["not_after_ms"] <= LATEST for k in ids), "E-KEY", "identities")
    trusted = (under(have, own["root_key"], ms) or [])[:] if have and not known else []
    for k in reversed(ids if not known else []):
        if chained(c, k, trusted, own["root_key"], ms):
            trusted.append(k)
        else:
            check(k is not ids[0], "E-KEY", "the signing key does not lead to the directory")
    check(known or valid_at(ids[0], ms), "E-KEY", "the signing key's time")
    days, made = [k["day"] for k in m["sealings"]], m["made_ms"] // 86_400_000
    check(days == sorted(set(days)) and all(made - 3 <= k["day"] <= made + 14 and k["kid"] == kid_of(k["public_key"]) and x_wing_ok(k["public_key"])
                                            for k in m["sealings"]), "E-KEY", "sealing keys")
    n, first = (log_number(o, d["federation"], c) for o in (m["origin"], own["log"]["origin"]))
    check(n and n >= first and (n > first or m["log"]["keys"] == own["log"]["keys"]), "E-KEY", "log of a manifest")
    if have:
        was = log_number(have["origin"], d["federation"], c)
        check(n >= was and (n > was or m["log"]["keys"] == have["log"]["keys"]) and m["epoch"] >= have["epoch"] and (n == was) == (m["epoch"] == have["epoch"]), "E-KEY", "log or epoch goes back")
    unique([k["public_key"][:1952] for k in ids] + [k["public_key"][1952:] for k in ids] + [k["public_key"] for k in m["sealings"]]
           + [k.key for k in m["keys"] + m["witness"]], "a key stands twice in a manifest")
    head = Checkpoint(m["head"]).signed_by(m["keys"]) if m["head"] else None
    names = [u["name"] for u in m["units"]]
    check(1 <= len(names) <= 64 and names == sorted(set(names)) and all(re.fullmatch("[a-z0-9][a-z0-9-]{0,31}", u) for u in names)
          and all(u["authority"] for u in m["units"]), "E-KEY", "units")
    check(composite(ids[0]["public_key"], m["signature"], pae(b"application/vnd.rogatory.manifest.v1+protobuf", m["bytes"])), "E-KEY", "signature of a manifest")
    return dict(m, checked=head, root=None if known else own["root_key"], count=ids)


def x_wing_ok(key):
    """The ML-KEM half is in range; the X25519 share is canonical and not of low order."""
    x = int.from_bytes(key[1184:], "little")
    packed = int.from_bytes(key[:1152], "little")
    low = {0, 1, P25519 - 1, 325606250916557431795983626356110631294008115727848805560023387167927233504,
           39382357235489614581723060781553021112529911719440698176882885853963445705823}
    return len(key) == 1216 and x < P25519 and x not in low and all(packed >> 12 * i & 4095 < 3329 for i in range(768))


# --- The register of officers ----------------------------------------------------------------------------------------------------------


def act(b):
    a = proto("Act", b, 16 << 10)
    check(a["verb"] and re.fullmatch("([A-Z]{2}-[0-9]{4}-[0-9]{6,12})?", a["case_token"]) and re.fullmatch("[a-z0-9-]{1,64}", a["actor"]) and len(a["nonce"]) == 16
          and 0 < a["at_ms"] <= LATEST and len(a["subject"]) in (0, 32) and re.fullmatch("[a-z0-9.-]{0,64}", a["reason"]), "E-CANON", "act")
    return a


def enrolment(b):
    e = proto("Enrolment", b, 40 << 10)
    e["officer"] = officer(e["officer"])
    e["subject"] = sha(b"rogatory/v1/enrolment\0", e["officer"]["bytes"])
    e["acts"] = [act(a["act"]) for a in e["assertions"]]
    check([a["verb"] for a in e["acts"]] == ([10, 10] if e["revoked"] else [8, 9]) and len({a["actor"] for a in e["acts"]}) == 2
          and all(a["subject"] == e["subject"] and not a["case_token"] and not a["targets"] for a in e["acts"]), "E-CANON", "enrolment")
    return e


class Register:
    def __init__(self, founders):
        self.of, self.keys, self.used, self.founders = {}, {}, set(), {f["pseudonym"]: f for f in founders}
        for f in founders:
            self.put(f)

    def put(self, o):
        old = self.of.get(o["pseudonym"])
        check(not old or not old[1], "E-RIGHT", "who was taken off comes back")
        check(o["kid"] not in self.keys or old and old[0]["kid"] == o["kid"], "E-RIGHT", "a key comes back")
        self.of[o["pseudonym"]], self.keys[o["kid"]] = (o, False), o["pseudonym"]

    def follow(self, founders):
        named = {f["pseudonym"]: f for f in founders}
        for name in self.founders.keys() - named.keys():
            self.of[name] = (self.of[name][0], True)
        for name, f in named.items():
            if self.founders.get(name, {}).get("bytes") != f["bytes"]:
                self.put(f)
        self.founders = named

    def enrol(self, b, now):
        e = enrolment(b)
        name = e["officer"]["pseudonym"]
        for a, said in zip(e["assertions"], e["acts"]):
            check(a["kid"] in self.keys, "UNKNOWN", "enrolled by a key that is not on the register")
            who, (o, gone) = self.keys[a["kid"]], self.of[self.keys[a["kid"]]]
            check(not gone and o["kid"] == a["kid"], "E-RIGHT", "enrolled by a key that was taken off")
            check(ed25519(o["public_key"], a["signature"], sha(b"rogatory/v1/act\0", a["act"])), "E-LEAFSIG", "signature under an enrolment")
            check(said["actor"] == who and -600_000 <= now - said["at_ms"] <= 7 * 86_400_000 and 4 in o["rights"] and (who != name or e["revoked"])
                  and said["nonce"] not in self.used, "E-RIGHT", "enrolment without right, late, alone or twice")
            self.used.add(said["nonce"])
        if e["revoked"]:
            check(name in self.of and not self.of[name][1] and self.of[name][0]["bytes"] == e["officer"]["bytes"], "E-RIGHT", "revokes another entry")
            self.of[name] = (e["officer"], True)
        else:
            self.put(e["officer"])
        check(sum(not gone and 4 in o["rights"] for o, gone in self.of.values()) >= 2, "E-RIGHT", "fewer than two who can enrol remain")


# --- The verification (node/audit/README.md) ---------------------------------------------------------------------------------------------

RECORDS = {"actor": "enrolment", "case": "assertion docket", "cos": "checkpoint", "erase": "assertion of", "genesis": "endorsement",
           "msg": "docket message root-at signature statement", "node": "report", "op": "assertion of", "policy": "assertion policy",
           "rcpt": "checkpoint leaf path", "reseal": "root-at signature statement", "state": "snapshot", "time": "token"}


def fixed(m):
    """What a message fixes; a leaf and a Message compare equal when they speak of the same."""
    return m["from"], m["to"], m["epoch"], m["seq"], m["prev"] if m["prev"] != ZERO else b"", m["docket_commit"], m["content_commit"]


def snapshot_digest(b):
    """SHA-256 of a snapshot with every case reduced to its hash."""
    count, at, last, out = struct.unpack(">I", b[:4])[0], 4, b"", []
    for _ in range(count):
        n = int.from_bytes(b[at:at + 2], "big")
        token, length = b[at + 2:at + 2 + n], struct.unpack(">I", b[at + 2 + n:at + 6 + n])[0]
        at += 6 + n
        body = b[at:at + (length or 32)]
        at += len(body)
        if not n or token <= last or len(body) != (length or 32) or length > 16 << 20:
            raise ValueError
        last = token
        out.append(struct.pack(">H", n) + token + bytes(4) + (sha(b"rogatory/v1/case\0", body) if length else body))
    if at != len(b):
        raise ValueError
    return sha(b"rogatory/v1/snapshot\0", b[:4], *out)


class Audit:
    """One verification, in the order of that text."""

    def __init__(self, archive, anchor):
        self.a, self.info, self.size, self.limited = archive, archive.info, archive.size, archive.limited
        self.found, self.index, self.at, self.last = [], 0, 0, -1
        self.log, self.country = self.info["log"], self.info["country"]
        for code, index, why in archive.found:
            self.note(code, index, why)
        self.chain = self.read_chain(anchor)
        self.read_book()
        self.times, self.leaf_hashes, self.broken = [], [], False
        self.genesis = self.endorsed = self.d = self.d_before = self.register = self.genesis_raw = None
        self.d_since, self.d_named, self.goes_on, self.vouched = 0, b"", False, False
        self.opening = 0
        self.force, self.named, self.proven = {}, set(), []
        self.messages, self.lanes, self.heads, self.cosigned, self.dockets, self.there, self.buried, self.lost = {}, {}, {}, {}, set(), set(), set(), []
        self.best, self.seconded, self.rooted, self.leads, self.sealings = 0, False, False, {}, set()

    def note(self, code, index, why, log=None):
        self.found.append((index, code, log or self.log, why))

    # What is trusted.

    def read_chain(self, anchor):
        have = {}
        for name in self.a.under("directories"):
            try:
                have[place(name)[1]] = self.a.read(name)
            except Bad as e:
                self.note(e.code, -1, e.why)
        v, chain = anchor["version"], [anchor]
        if v in have:
            try:
                d = read_directory(have[v])
                try:
                    pinned(have[v], anchor["digest"])
                except Bad as e:
                    self.note("E-KEY", -1, f"directory {v}: {e.why}")
            except Bad as e:
                self.note("E-CANON", -1, f"directory {v}: {e.why}")
        for older in range(v - 1, 0, -1):
            if older not in have:
                rest = [x for x in have if x < older]
                if rest:
                    self.note("E-MISSING", -1, f"directory {max(rest) + 1}")
                break
            try:
                chain.insert(0, pinned(have[older], chain[0]["previous"]))
            except Bad as e:
                self.note("E-KEY", -1, f"directory {older}: {e.why}")
                break
        for before, d in zip(chain, chain[1:]):
            try:
                if d["version"] in have:
                    follows(before, read_directory(have[d["version"]]))
            except Bad as e:
                self.note("E-KEY", -1, f"directory {d['version']}: {e.why}")
        for newer in sorted(x for x in have if x > v):
            try:
                chain.append(advance(chain[-1], have[newer]))
                self.note("W-UNKNOWN", -1, f"directory {newer} is newer than the auditor's")
            except Bad as e:
                self.note("E-KEY", -1, f"directory {newer}: {e.why}")
        self.anchor = v
        return chain

    def read_book(self):
        self.book, self.witnesses = {}, []
        for name in self.a.under("manifests"):
            try:
                m = read_manifest(self.a.read(name))
                check(m["digest"].hex() == name[10:], "E-CANON", "another manifest than its name says")
            except Bad as e:
                self.note(e.code if hasattr(e, "index") else "E-CANON", -1, f"{name}: {e.why}")
                continue
            self.book[m["digest"]] = m
            texts = tuple(m["witness_keys"])
            same = [w for w in self.witnesses if w[3] == texts]
            if not same or m["origin"] not in same[0][2]:
                self.witnesses = [w for w in self.witnesses if w[3] != texts] + [(*m["witness"], m["kept"], texts, m["country"])]

    def log_keys(self, origin):
        """[(the keys of a log, manifest text they stand on or None for a directory)]"""
        for d in reversed(self.chain):
            for m in d["members"]:
                if m["log"]["origin"] == origin:
                    return [(m["keys"], None)]
        return list({tuple(m["log"]["keys"]): (m["keys"], tuple(m["log"]["keys"])) for m in self.book.values() if m["origin"] == origin}.values())

    def open(self, origin, note, witnesses):
        """Reads a head in the form of files. Returns it, who cosigned, and the text of keys that a manifest must vouch for, or None."""
        keys = self.log_keys(origin)
        check(keys, "unknown", f"the directory knows no log {origin}")
        for pair, text in keys:
            try:
                cp = Checkpoint(note)
                return cp, cp.export_form(pair, witnesses), text
            except Bad as e:
                bad = e
        raise bad

    def trusted(self, text, origin):
        return text is None or ("log", text) in self.proven or (self.limited or self.goes_on) and any(
            m["origin"] == origin and tuple(m["log"]["keys"]) == text and self.leads_back(m) for m in list(self.book.values()))

    def prove(self, m):
        self.proven += [("log", tuple(m["log"]["keys"])), ("witness", m["witness_keys"][0])] + [("signer", m["country"], k["public_key"]) for k in m["identities"]]

    def leads_back(self, m):
        """Whether a manifest leads by itself to the directory that it names, or to the newest."""
        if m["digest"] not in self.leads:
            self.leads[m["digest"]] = False
            for d in [d for d in self.chain if d["version"] == m["directory_version"]] + self.chain[-1:]:
                try:
                    judge_manifest(m, d, m["made_ms"], None)
                    self.leads[m["digest"]] = True
                    self.prove(m)
                    break
                except Bad:
                    pass
        return self.leads[m["digest"]]

    # What stands beside a leaf.

    def beside(self, entries, i, e):
        """Compares the records of one leaf with it. Returns what the pass needs of them."""
        index, sides, out, k = self.index, entries[i][2], {}, e["k"]

        def note(code, why):
            self.note(code, index, why)

        def digest(name, want, have, required=True):
            if not want and name in sides:
                note("E-EXTRA", f"record {name} that the leaf does not name")
            elif want and name not in sides:
                if required:
                    note("E-MISSING", f"record {name}")
            elif want:
                try:
                    if have(sides[name]) == want:
                        return sides[name]
                except (Bad, ValueError, struct.error):
                    pass
                note("E-LEAFSIG", f"record {name} is another one")
            return None
        for name in sides:
            if name not in RECORDS.get(k, "").split():
                note("E-EXTRA", f"record {name} beside a {k}")
        if k in ("msg", "case") and "docket" in sides:
            b = sides["docket"]
            out["docket"] = True
            if len(b) < 32 or hmac.digest(b[:32], b"rogatory/v1/commitment/docket\0" + struct.pack(">Q", len(b) - 32) + b[32:], "sha256") \
                    != e["docket_commit" if k == "msg" else "docket"]:
                note("E-LEAFSIG", "the docket is not what the leaf commits to")
        if k in ("case", "op", "erase", "policy"):
            digest("assertion", e["assertion"], lambda b: proto("Assertion", b) and sha(b"rogatory/v1/assertion\0", b))
        if k in ("op", "erase"):
            out["list"] = digest("of", e["of_digest"], lambda b: len(b) == 32 * e["of_count"] and sha(b))
        if k == "policy":
            digest("policy", e["digest"], lambda b: sha(b"rogatory/v1/policy\0", b))
        if k == "time":
            digest("token", e["digest"], lambda b: sha(b))
        if k == "node":
            digest("report", e["digest"], lambda b: sha(b))
        if k == "state":
            digest("snapshot", e["snapshot"], snapshot_digest)
        if k == "actor":
            out["enrolment"] = digest("enrolment", e["digest"], lambda b: enrolment(b)["officer"]["pseudonym"] == e["who"] and enrolment(b)["subject"])
        if k == "msg":
            b = digest("message", e["msg"], lambda b: sha(b"rogatory/v1/message\0", b))
            if b is not None:
                try:
                    m = message(b)
                    if fixed(m) != fixed(e):
                        note("E-LEAFSIG", "the leaf says something else than the message")
                    if e["dir"] == "out" and e["first_at"] and e["first_at"] != m["submitted_ms"]:
                        note("E-TIME", "first_at is not when the message was submitted")
                    if e["dir"] == "out" and not e["first_at"] and abs(m["submitted_ms"] - e["at"]) > SKEW:
                        note("E-TIME", "the message says another time of its submission than its leaf")
                except Bad as bad:
                    note("E-LEAFSIG", f"message: {bad.why}")
            if e["stmt"]:
                self.statement(entries, i, e, e["from"], e["msg"], out, note)
            for name in ("statement", "signature", "root-at"):
                if not e["stmt"] and name in sides:
                    note("E-EXTRA", f"record {name} beside a msg that was not sealed")
        if k == "reseal":
            self.statement(entries, i, e, self.country, e["of"], out, note)
        if k == "rcpt":
            self.receipt(sides, e, out, note)
        if k == "cos":
            b = digest("checkpoint", e["digest"], lambda b: sha(b))
            try:
                out["cosigned"] = b is not None and self.open(self.log, b, self.witnesses)
            except Bad as bad:
                note("E-CANON" if bad.code == "canon" else "E-HEAD", f"cosigned head: {bad.why}")
        if k == "genesis":
            out["endorsement"] = sides.get("endorsement")
        return out

    def statement(self, entries, i, e, country, name, out, note):
        sides = entries[i][2]
        for record in ("statement", "signature"):
            if record not in sides:
                note("E-MISSING", f"record {record}")
        if "statement" not in sides or "signature" not in sides:
            return
        st, sig, at = sides["statement"], sides["signature"], sides.get("root-at")
        if sha(b"rogatory/v1/statement\0", st) != e["stmt"]:
            return note("E-LEAFSIG", "the statement is another one")
        if at is not None:
            whole = len(at) == 1 and at[0] < len(entries) and at[0] != i and entries[at[0]][2]
            root = whole and "root-at" not in whole and root_field(whole.get("signature", b""))
            if not root:
                return note("E-LEAFSIG", "the signature of the root is not there")
            sig = root + sig
        if sha(b"rogatory/v1/signature\0", sig) != e["sig"]:
            return note("E-LEAFSIG", "the signature is another one")
        try:
            s, kid = sealing(st)
        except Bad as bad:
            return note("E-LEAFSIG", f"statement: {bad.why}")
        if sha(b"rogatory/v1/message\0", s["message"]) != name:
            return note("E-LEAFSIG", "the statement carries another message")
        out["sealed"] = min(s["sealed_ms"], MAXINT)
        try:
            out["key"] = self.signed_by(country, kid, st, sig)
        except Bad as bad:
            note(bad.code, bad.why)

    def signed_by(self, country, kid, st, sig):
        """The country's identity key, of any manifest in the archive, that signed a statement."""
        keys = [k["public_key"] for m in self.book.values() if m["country"] == country for k in m["identities"] if kid_of(k["public_key"]) == kid]
        check(keys, "E-KEY", f"no key {kid.hex()} of {country}")
        b = proto("BatchSignature", sig, 4096) if good("BatchSignature", sig) else {"tree_size": 0}
        index, last, path, h = b.get("index", 0), b["tree_size"] - 1, list(b.get("path", [])), leaf_hash(pae(b"application/vnd.rogatory.statement.v1+protobuf", st))
        check(0 <= index <= last < 256, "E-LEAFSIG", "place in the batch")
        while last:
            if index != last or index & 1:
                check(path and len(path[0]) == 32, "E-LEAFSIG", "path in the batch")
                h = node_hash(path[0], h) if index & 1 else node_hash(h, path[0])
                path = path[1:]
            index, last = index >> 1, last >> 1
        signed = pae(b"application/vnd.rogatory.batch.v1", struct.pack(">Q", b["tree_size"]) + h)
        for key in keys:
            if not path and composite(key, b["root_signature"], signed):
                return key
        raise Bad("E-LEAFSIG", f"signature of {country}")

    def receipt(self, sides, e, out, note):
        for name in ("leaf", "path"):
            if name not in sides:
                note("E-RCPT-MISSING", f"record {name}")
        if "leaf" in sides and "path" in sides:
            b, p = sides["leaf"], sides["path"]
            try:
                check(len(p) % 32 == 0 and len(p) <= 53 * 32 and len(b) <= 8192, "", "path")
                check(included([p[i:i + 32] for i in range(0, len(p), 32)], e["size"], e["root"], e["index"], leaf_hash(b)), "", "the leaf is not in the peer's tree")
                r = leaf(b)
                check(r["i"] == e["index"] and (r["k"] in ("whole", "rej") or r["k"] == "msg" and r["dir"] == "in"), "", "no receipt")
                check(r["msg"] == e["of"] and e["whole"] == (r["k"] == "whole") and e["rej"] == (r["code"] if r["k"] == "rej" else ""), "", "the rcpt says something else")
                out["receipt"] = r
            except Bad as bad:
                note("E-RCPT-OTHER", bad.why)
        if "checkpoint" in sides:
            try:
                cp, _, text = self.open(e["log"], sides["checkpoint"], [])
                check((cp.size, cp.root) == (e["size"], e["root"]), "sig", "another head than the leaf says")
                out["head"] = (text,)
            except Bad as bad:
                note({"unknown": "E-KEY", "canon": "E-CANON"}.get(bad.code, "E-RCPT-OTHER"), f"head of the receipt: {bad.why}")

    # The leaves in their order.

    def run(self):
        for n in range((self.size + 255) // 256):
            try:
                entries = self.a.tile(n)
            except Bad as e:
                self.note(e.code, e.index, e.why)
                entries = [[None, None, {}] for _ in range(width(self.size, 0, n))]
            try:
                stored = self.a.tile_hashes(0, n)
            except Bad as e:
                self.note(e.code, e.index, e.why)
                stored = [None] * len(entries)
            for i, (b, h, _) in enumerate(entries):
                h = leaf_hash(b) if b is not None else h or stored[i]
                if stored[i] not in (None, h):
                    self.note("E-ROOT", self.index, "the leaf is not the one whose hash stands in the tree")
                self.leaf_hashes.append(h)
                self.broken |= h is None
                e = None
                if b is not None:
                    try:
                        e = leaf(b)
                    except Bad as bad:
                        self.note("W-UNKNOWN" if bad.code == "VERSION" else bad.code, self.index, bad.why)
                self.take(b, h, e, entries, i)
                self.index += 1
        self.upper()
        self.end()

    def upper(self):
        """Holds the upper tiles against what the leaves make them."""
        level, hashes = 1, [] if self.broken else self.leaf_hashes
        while len(hashes) >= 256:
            hashes = [root_of(hashes[i:i + 256]) for i in range(0, len(hashes) // 256 * 256, 256)]
            for n in range((len(hashes) + 255) // 256):
                try:
                    for i, (a, b) in enumerate(zip(self.a.tile_hashes(level, n), hashes[256 * n:])):
                        if a != b:
                            self.note("E-ROOT", 256 * n + i << 8 * level, f"hash in a tile of level {level}")
                except Bad as e:
                    self.note(e.code, e.index, e.why)
            level += 1

    def take(self, raw, h, e, entries, i):
        if e is None:
            self.times.append(self.at)
            self.last = self.index
            return
        if e["i"] != self.index:
            self.note("E-SEQ", self.index, "the leaf says that it stands elsewhere")
        beside = self.beside(entries, i, e)
        if e["at"] < self.at:
            self.note("E-TIME", self.index, "older than the leaf before it")
        self.at = max(self.at, e["at"])
        self.times.append(e["at"])
        k = e["k"]
        if k not in ("wit", "cos", "time") and not (k == "node" and e["event"] == "stop"):
            self.last = self.index
        if self.goes_on:  # behind the node leaf that opened the log: enrolments and cases of those before
            self.opening = 1 if not self.opening and k == "node" and e["event"] == "recover" else 2 if self.opening and k not in ("actor", "state") else self.opening
        if self.index == 0 and k != "genesis" and not self.limited:
            self.note("E-HEAD", 0, "the log does not begin with a genesis")
        if k == "genesis":
            self.begin(raw, h, e, beside)
        elif k == "case":
            self.docket(beside, e["docket"], None)
        elif k == "erase" and "docket" in e["what"]:
            b = beside["list"] or b""
            names = {x[:16] for x in e["of"]} | {b[j:j + 16] for j in range(0, len(b), 32)}
            self.buried |= names
            if names & (self.there | self.dockets):
                self.note("E-EXTRA", self.index, "a docket that is said to be destroyed is here")
        elif k in ("dir", "msg", "reseal", "rcpt", "whole", "rej", "wit", "cos", "time", "actor"):
            getattr(self, "on_" + k)(e, beside)

    def begin(self, raw, h, e, beside):
        self.genesis, self.goes_on, self.genesis_raw, self.endorsed = e, bool(e["prev_log"]), raw, beside["endorsement"]
        if not self.goes_on and self.endorsed is not None:
            self.note("E-EXTRA", 0, "an endorsement beside the genesis of a first log")
        if (e["log"], e["country"]) != (self.log, self.country):
            self.note("E-HEAD", 0, "the genesis is another log's")
        if e["spec"] != "rogatory-log-1":
            self.note("W-UNKNOWN", 0, "the log follows another specification")
        want = next((m["genesis"] for d in reversed(self.chain) for m in d["members"] if m["genesis"] and m["log"]["origin"] == self.log), h)
        if want != h:
            self.note("E-HEAD", 0, "the genesis is not the one that the directory names")
        self.d_named, self.d = e["directory"], next((d for d in self.chain if d["digest"] == e["directory"]), None)
        if not self.d:
            self.note("E-KEY", 0, "the genesis names a directory that does not lead to the auditor's")
            self.d = self.chain[-1]
        m = self.d["by"].get(self.country)
        if not m:
            return self.note("E-KEY", 0, "the log's country is no member")
        if sorted(sha(f["public_key"]) for f in m["founders"]) != e["founders"]:
            self.note("E-KEY", 0, "founders are not those of the directory")
        self.register = Register(m["founders"])

    def on_dir(self, e, _):
        (self.take_manifest if e["what"] == "manifest" else self.take_directory)(e)

    def take_directory(self, e):
        d = next((d for d in self.chain if d["digest"] == e["digest"]), None)
        if d:
            if d["version"] != e["version"]:
                self.note("E-KEY", self.index, "version of the directory")
        elif any(x["version"] == e["version"] for x in self.chain):
            self.note("E-KEY", self.index, "a directory that does not lead to the auditor's")
        elif e["version"] > self.anchor:
            self.note("W-UNKNOWN", self.index, "a directory newer than the auditor's, not in the archive")
        else:
            self.note("E-MISSING", self.index, f"directory {e['version']}")
        if e["prev"] and not self.limited and not self.goes_on and e["prev"] != self.d_named:
            self.note("E-KEY", self.index, "the directory before is another one")
        self.d_named = e["digest"]
        if d and self.d and d["version"] < self.d["version"]:
            self.note("E-KEY", self.index, "an older directory came into force again")
        elif d:
            self.d_before, self.d, self.d_since = self.d, d, e["at"]
            try:
                if self.register:
                    check(self.country in d["by"], "E-KEY", "the log's country is no member any more")
                    self.register.follow(d["by"][self.country]["founders"])
            except Bad as bad:
                self.note("E-KEY", self.index, f"register: {bad.why}")

    def take_manifest(self, e):
        try:
            self.a.read(f"manifests/{e['digest'].hex()}")
        except Bad as bad:
            return self.note(bad.code, self.index, bad.why)
        said = self.book.get(e["digest"])
        if not said:
            return
        self.named.add(e["digest"])
        cur = self.force.setdefault(e["member"], {"now": None, "had": None, "since": 0, "failed": False})
        if (e["member"], e["version"]) != (said["country"], said["version"]):
            return self.note("E-KEY", self.index, "the leaf says something else than the manifest")
        if not self.limited:
            if cur["now"] and e["prev"] != cur["now"]["digest"] or not cur["now"] and e["prev"] and not self.goes_on and not cur["failed"]:
                self.note("E-KEY", self.index, "the manifest before is another one")
        bad = None
        for d in [d for d in (self.d, self.d_before) if d] if self.d else self.chain[-1:]:
            for ms in (e["at"], e["at"] - SKEW):
                try:
                    m = judge_manifest(said, d, ms, cur["now"])
                    break
                except Bad as b:
                    bad, m = bad or b, None
            if m:
                break
        if not m:
            cur["failed"] = True
            return self.note("E-KEY", self.index, f"manifest {said['version']} of {said['country']}: {bad.why}")
        cur.update(now=m, had=cur["now"], since=e["at"])
        self.prove(m)
        if self.goes_on and not self.vouched and e["member"] == self.country:
            self.vouched = self.vouches(m, e["at"])
        if m["checked"]:
            cp = m["checked"]
            if cp.origin == self.log:
                self.head_of("head in our manifest", cp.size, cp.root)
            elif self.heads.setdefault((cp.origin, cp.size), cp.root) != cp.root:
                self.note("E-FORK", self.index, "the peer signed two heads of one size")

    def vouches(self, m, ms):
        g, f = self.genesis, m["origin"].split("/")[0]
        return g["i"] == 0 and (g["country"], g["log"], g["epoch"]) == (m["country"], m["origin"], m["epoch"]) \
            and 0 < log_number(g["prev_log"], f, m["country"]) < log_number(g["log"], f, m["country"]) \
            and any(valid_at(k, ms) and composite(k["public_key"], self.endorsed or b"", pae(b"application/vnd.rogatory.genesis.v1+json", self.genesis_raw)) for k in m["count"])

    def has(self, m, key, ms):
        return any(k["public_key"] == key and (valid_at(k, ms) or valid_at(k, ms - SKEW)) for k in m["identities"])

    def signer(self, e, beside, country, version):
        cur, key = self.force.get(country), beside.get("key")
        listed = [m for m in (cur["now"], cur["had"] if cur["since"] + SKEW >= e["at"] else None) if m] if cur and cur["now"] else []
        if self.limited or self.goes_on and not listed:
            return self.signer_alone(beside, country, version, e["at"])
        if not listed:
            self.note("E-KEY", self.index, f"no manifest of {country} is in force")
        elif version and all(m["version"] != version for m in listed):
            self.note("E-KEY", self.index, f"version of the manifest of {country}")
        elif key and not any(self.has(m, key, e["at"]) for m in listed):
            self.note("E-KEY", self.index, f"a key of {country} that is not in force here")

    def signer_alone(self, beside, country, version, ms):
        key = beside.get("key")
        if key and not any(m["country"] == country and version in (0, m["version"]) and self.has(m, key, ms) and self.leads_back(m) for m in list(self.book.values())):
            self.note("E-KEY", self.index, f"no manifest leads a key of {country} to the directory")

    def given_back(self, e):
        return e["first_at"] and self.goes_on and (e["dir"] == "in" or e["epoch"] < self.genesis["epoch"])

    def on_msg(self, e, beside):
        own, other = (e["to"], e["from"]) if e["dir"] == "in" else (e["from"], e["to"])
        if own != self.country:
            return self.note("E-SCHEMA", self.index, "a message that is not this country's")
        d, b, back = self.d, self.d_before, self.given_back(e)
        if d and not self.limited and self.d_named == d["digest"] and e["directory_version"] != d["version"] \
                and not (b and e["directory_version"] == b["version"] and self.d_since + SKEW >= e["at"]):
            self.note("E-KEY", self.index, "version of the directory in force")
        if e["dir"] == "out" and back:
            self.signer_alone(beside, e["from"], 0, e["first_at"])
        elif e["manifest_version"] < 1:
            self.note("E-KEY", self.index, "a message that goes by no manifest")
        else:
            self.signer(e, beside, e["from"], e["manifest_version"])
        if e["first_at"] and not self.limited and (not back or e["first_at"] > e["at"] + SKEW):
            self.note("E-TIME", self.index, "first_at of a message that no recovery gave back")
        self.docket(beside, e["docket_commit"], e["msg"])
        if e["dir"] == "in" and beside.get("sealed", 0) > e["at"] + SKEW:
            self.note("W-SKEW", self.index, "accepted before it was sealed")
        if not self.limited:
            self.number(e, back)
            if e["msg"] in self.messages:
                self.note("E-DUP", self.index, "the message stands there already")
        self.messages.setdefault(e["msg"], {"dir": e["dir"], "index": self.index, "peer": other, "fixed": fixed(e), "rcpt": "", "whole": False,
                                            "at": e["first_at"] if e["dir"] == "out" and back else e["at"]})

    def number(self, e, back):
        lane, seq = self.lanes.setdefault((e["from"], e["to"], e["epoch"]), {}), e["seq"]
        if e["dir"] == "out" and not back:
            if self.genesis and e["epoch"] != self.genesis["epoch"]:
                self.note("E-SEQ", self.index, "epoch of a message sent")
            if seq > lane.get("last", 0) + 1:
                self.note("E-SEQ", self.index, "a number is left out")
        if seq < 1 or (seq == 1) != (not e["prev"]):
            self.note("E-SEQ", self.index, "number and predecessor do not go together")
        if seq in lane:
            return self.note("E-DUP", self.index, "the number is taken")
        if seq - 1 in lane and lane[seq - 1][0] != e["prev"] or seq + 1 in lane and lane[seq + 1][1] != e["msg"]:
            self.note("E-PREV", self.index, "neighbours do not name each other")
        lane[seq], lane["last"] = (e["msg"], e["prev"]), max(seq, lane.get("last", 0))

    def on_reseal(self, e, beside):
        self.signer(e, beside, self.country, 0)
        if e["stmt"] in self.sealings:
            self.note("E-DUP", self.index, "an attempt that was made before")
        self.sealings.add(e["stmt"])
        if self.messages.get(e["of"], {}).get("dir") != "out" and not self.limited and not self.goes_on:
            self.note("E-MISSING", self.index, "the message that was sealed anew")

    def on_rcpt(self, e, beside):
        key, head = (e["log"], e["size"]), beside.get("head")
        known = self.heads.get(key)
        if head and not self.trusted(head[0], e["log"]):
            self.note("E-KEY", self.index, "the keys of the peer's log do not lead to the directory here")
        elif head and known not in (None, e["root"]):
            self.note("E-FORK", self.index, "the peer signed two heads of one size")
        elif head:
            self.heads[key] = e["root"]
        elif known is None and not self.limited:
            self.note("E-RCPT-MISSING", self.index, "no signed head of the peer")
        elif known not in (None, e["root"]):
            self.note("E-RCPT-OTHER", self.index, "the peer's signed head has another root")
        m = self.messages.get(e["of"])
        if not m or m["dir"] != "out":
            if not self.limited and not self.goes_on:
                self.note("E-RCPT-OTHER", self.index, "the message was never sent")
            return
        part = e["log"].rsplit("/", 3)
        if m["index"] != e["ref"]:
            self.note("E-RCPT-OTHER", self.index, "index of the message")
        if (part[-3:-1] if len(part) > 3 else part[:1] + part[1:2]) != [m["peer"], "log"]:
            self.note("E-RCPT-OTHER", self.index, "from a log that is not the recipient's")
        if m["whole"] if e["whole"] else m["rcpt"] == e["log"]:
            self.note("E-DUP", self.index, "receipted before")
        elif e["whole"]:
            m["whole"] = True
        else:
            m["rcpt"] = e["log"]
        r = beside.get("receipt")
        if not r:
            return
        if r["k"] == "msg" and fixed(r) != m["fixed"] or r["k"] == "rej" and r["from"] != self.country:
            self.note("E-RCPT-OTHER", self.index, "the peer receipted something else than was sent")
        if not m["at"] - SKEW <= r["at"] <= e["at"] + SKEW:
            self.note("W-SKEW", self.index, "the peer's time does not lie between sending and receipt")

    def on_whole(self, e, _):
        m = self.messages.get(e["msg"])
        if m["dir"] != "in" if m else not self.limited and not self.goes_on:
            self.note("E-MISSING", self.index, "the message whose attachments are here did not arrive")
        elif m and m["whole"]:
            self.note("E-DUP", self.index, "the attachments were here before")
        elif m:
            m["whole"] = True

    def on_rej(self, e, _):
        if e["msg"] in self.messages:
            return self.note("E-DUP", self.index, "the message stands there already")
        self.messages[e["msg"]] = {"dir": "rej", "index": self.index, "whole": False}

    def on_wit(self, e, _):
        if e["log"] == self.log:
            return self.note("E-HEAD", self.index, "the log cosigned itself")
        size, root = self.cosigned.get(e["log"], (0, b""))
        if e["size"] < size:
            return self.note("E-ROLLBACK", self.index, "a smaller head was cosigned after a larger one")
        if size and e["size"] == size and e["root"] != root:
            return self.note("E-FORK", self.index, "two heads of one size were cosigned")
        self.cosigned[e["log"]] = e["size"], e["root"]
        if self.heads.get((e["log"], e["size"]), e["root"]) != e["root"]:
            self.note("E-FORK", self.index, "another head was cosigned than the log signed")

    def on_cos(self, e, beside):
        if not beside.get("cosigned"):
            return
        cp, by, text = beside["cosigned"]
        if (e["log"], e["size"], e["root"]) != (self.log, cp.size, cp.root):
            return self.note("E-HEAD", self.index, "the cosigned head is another one than the leaf says")
        if len(by) != e["count"] or e["by"] and e["by"] != [n for n, _ in by]:
            self.note("E-HEAD", self.index, "the leaf names other witnesses than the head has")
        if not self.head_of("the cosigned head", e["size"], e["root"]):
            return
        if self.countersigned(cp, by, text) >= self.quorum():
            self.best = max(self.best, e["size"])
        else:
            self.note("E-HEAD", self.index, "no quorum cosigned")
        if by:
            most = sorted(min(t, MAXINT // 1000) * 1000 for _, t in by)[len(by) // 2]
            if cp.size and self.times[cp.size - 1] > most + 1000 + SKEW:
                self.note("W-SKEW", self.index, "a leaf is younger than the cosignatures of a head that holds it")
            if most > e["at"] + SKEW:
                self.note("W-SKEW", self.index, "cosigned later than logged")

    def on_time(self, e, beside):
        """What the leaf says of its token. The token itself is judged by rogatory-audit --tsa."""
        if e["type"] != "rfc3161":
            self.note("W-UNKNOWN", self.index, "a time token of a type that is not known")
        elif self.head_of("time token", e["size"], e["root"]):
            if e["time"] > e["at"] + SKEW:
                self.note("E-TIME", self.index, "older than the time token that it names")
            if e["size"] and self.times[e["size"] - 1] > e["time"] + SKEW:
                self.note("E-TIME", self.index, "a leaf is younger than a time token over a head that holds it")

    def head_of(self, what, size, root):
        """Judges a head of ours against this tree."""
        if size > self.index:
            self.note("E-HEAD", self.index, f"{what} is larger than the log was")
            return False
        try:
            have = self.a.root_at(size)
        except Bad:
            return False
        if have != root:
            self.note("E-HEAD", self.index, f"{what} has another root than this tree")
        return have == root

    def quorum(self):
        return 2 * len((self.d or self.chain[-1])["by"].keys() - {self.country}) // 3 + 1

    def countersigned(self, cp, by, text):
        """How many members of the directory in force cosigned, by keys that lead to it."""
        if not self.trusted(text, self.log):
            self.note("E-KEY", min(self.index, self.size - 1), "the keys of this log do not lead to the directory here")
            return 0
        d, countries = self.d or self.chain[-1], set()
        for name, _ in by:
            for w in self.witnesses:
                ok = ("witness", w[3][0]) in self.proven or (self.limited or self.goes_on) and any(
                    m["witness_keys"][0] == w[3][0] and self.leads_back(m) for m in list(self.book.values()))
                if w[0].name == name and w[4] != self.country and w[4] in d["by"] and ok:
                    countries.add(w[4])
        self.seconded |= bool(countries)
        return len(countries)

    def on_actor(self, e, beside):
        if not beside.get("enrolment") or not self.register or self.limited:
            return
        kept = copy.deepcopy(self.register)
        try:
            now = max(a["at_ms"] for a in enrolment(beside["enrolment"])["acts"]) if self.opening == 1 else e["at"]
            self.register.enrol(beside["enrolment"], now)
        except Bad as bad:
            self.register = kept
            if self.opening == 1 and "twice" in bad.why and {a["nonce"] for a in enrolment(beside["enrolment"])["acts"]} <= kept.used:
                return  # on the register already
            if not (self.goes_on and bad.code == "UNKNOWN"):
                self.note("E-LEAFSIG" if bad.code == "E-LEAFSIG" else "E-RIGHT", self.index, bad.why)

    def docket(self, beside, commit, name):
        commit, name = commit[:16], name and name[:16]
        if "docket" in beside:
            self.dockets.add(commit)
            self.there |= {name} if name else set()
        elif name or commit not in self.dockets:
            self.lost.append((self.index, name, commit))

    # What takes the whole log.

    def end(self):
        if not self.limited:
            gone = {commit for _, name, commit in self.lost if {name, commit} & self.buried}
            for index, name, commit in self.lost:
                if commit not in gone and (name or commit not in self.dockets):
                    self.note("E-MISSING", index, "the docket, and no tombstone")
            for m in self.messages.values():
                if m["dir"] == "out" and not m["rcpt"]:
                    self.note("W-UNRECEIPTED", m["index"], "no receipt")
        if self.goes_on and not self.vouched:
            self.note("E-MISSING" if self.endorsed is None else "E-LEAFSIG", 0, "nobody endorsed the genesis of a log that follows another")
        self.root = None if self.broken else root_of(self.leaf_hashes)
        if self.broken:
            self.note("E-ROOT", -1, "leaves and their hashes are missing")
        elif self.size and self.root != self.info["hash"]:
            self.note("E-ROOT", -1, "root in archive.json")
        for m in self.book.values():
            cur = (self.force.get(m["country"]) or {}).get("now")
            if m["digest"] in self.named:
                continue
            if not self.limited and not self.goes_on and cur and m["version"] <= cur["version"]:
                self.note("E-EXTRA", -1, "a manifest that no leaf names")
                continue
            try:
                judge_manifest(m, next((d for d in self.chain if d["version"] == m["directory_version"]), self.chain[-1]), 0, None, known=True)
            except Bad as bad:
                self.note("E-KEY", -1, f"a manifest that no leaf names: {bad.why}")
        self.newest()
        self.text_keys()
        for name in sorted(self.a.under("forks"), key=lambda n: (place(n)[1], n)):
            try:
                self.fork(name.split("/")[1].split("-", 1)[1], self.a.read(name))
            except Bad as bad:
                self.note(bad.code if hasattr(bad, "index") else "W-UNKNOWN" if bad.code == "unknown" else "E-CANON", -1, f"{name} proves nothing: {bad.why}")
        if self.size and self.best <= self.last:
            self.note("W-UNWITNESSED", self.best, "no head behind which a quorum stands holds these leaves")

    def newest(self):
        if "checkpoint" not in self.a.files:
            return
        try:
            cp, by, text = self.open(self.log, self.a.read("checkpoint", 1_000_000), self.witnesses)
        except Bad as bad:
            return self.note(bad.code if hasattr(bad, "index") else {"unknown": "E-KEY", "canon": "E-CANON", "note": "E-CANON"}.get(bad.code, "E-HEAD"), -1, f"newest head: {bad.why}")
        if not self.trusted(text, self.log):
            self.note("E-KEY", -1, "newest head: the keys of this log do not lead to the directory")
        elif cp.size != self.size:
            self.note("E-HEAD", -1, "newest head has another size than the archive")
        elif not self.broken and cp.root != self.root:
            self.note("E-ROOT", -1, "the entries do not hash to the root that the log signed")
        elif not self.broken:
            self.rooted = True
            if self.countersigned(cp, by, text) >= self.quorum():
                self.best = max(self.best, cp.size)

    def text_keys(self):
        if "log.vkey" not in self.a.files:
            return
        try:
            b = self.a.read("log.vkey", 4096)
            texts = b.decode().split("\n")
            check(len(texts) == 3 and not texts[2], "E-CANON", "log.vkey")
            pair = key_pair(texts[:2], None, (1, 6))
        except (Bad, UnicodeDecodeError):
            return self.note("E-CANON", -1, "log.vkey")
        want = [p for p, text in self.log_keys(self.log) if self.trusted(text, self.log)]
        if want and [k.text for k in pair] != [k.text for k in want[-1]]:
            self.note("E-KEY", -1, "log.vkey has other keys than the directory gives to this log")

    def fork(self, kind, b):
        if kind == "sequence":
            f, said = proto("Frame", b, 1 << 20), []
            check(len(f["envelopes"]) == 2 and not f["receipts"] and not f["advice"], "", "not two envelopes")
            for raw in f["envelopes"]:
                o = proto("Envelope", raw, 1 << 20)
                s, kid = sealing(o["statement"])
                m = message(s["message"])
                key = self.signed_by(m["from"], kid, o["statement"], o["sig"])
                check(("signer", m["from"], key) in self.proven, "", "a key that leads nowhere")
                said.append((m, sha(s["message"])))
            (m, a), (n, c) = said
            check(a != c and all(m[x] == n[x] for x in ("from", "to", "epoch", "seq")), "", "no fork")
            return self.note("E-FORK", -1, "two messages with one number", m["from"])
        check(kind in ("log", "tree", "unproven"), "", "kind")
        parts = b.split(b"\n\n")
        check(len(parts) in (4, 5), "note", "not two heads")
        a, c = parts[0] + b"\n\n" + parts[1] + b"\n", parts[2] + b"\n\n" + parts[3] + (b"\n" if len(parts) == 5 else b"")
        proof = []
        for line in parts[4].decode("ascii", "replace").split("\n")[:-1] if len(parts) == 5 else []:
            try:
                proof.append(unb64(line))
            except ValueError:
                raise Bad("", "a hash of the proof") from None
        check(len(parts) == 4 or parts[4].endswith(b"\n") and 0 < len(proof) <= 54 and all(len(h) == 32 for h in proof), "", "hashes of the proof")
        origin = a.split(b"\n")[0].decode("ascii", "replace")
        keys = [p for p, text in self.log_keys(origin) if self.trusted(text, origin)]
        check(keys, "unknown", f"no log {origin}")
        for pair in keys:
            try:
                x, y = Checkpoint(a).signed_by(pair), Checkpoint(c).signed_by(pair)
                break
            except Bad as bad:
                wrong = bad
        else:
            raise wrong
        if proof:
            roots = consistency(proof, x.size, y.size)
            check(roots and roots[1] == y.root and roots[0] != x.root, "", "no fork")
        elif x.size == y.size:
            check(x.root != y.root, "", "no fork")
        unproven = not proof and x.size != y.size
        check(kind == "unproven" or not unproven, "", "two sizes and no proof")
        self.note("W-UNKNOWN" if unproven else "E-FORK", -1, "two heads", origin)


def consistency(proof, older, newer):
    """The two roots that a consistency proof leads to (RFC 9162, 2.1.4.2); None when it holds no root of the older."""
    if not 1 <= older < newer or not older & (older - 1):
        return None
    f, s = older - 1, newer - 1
    while f & 1:
        f, s = f >> 1, s >> 1
    a = b = proof[0]
    for c in proof[1:]:
        if s == 0:
            return None
        if f & 1 or f == s:
            a, b = node_hash(c, a), node_hash(c, b)
            while not f & 1 and f:
                f, s = f >> 1, s >> 1
        else:
            b = node_hash(b, c)
        f, s = f >> 1, s >> 1
    return (a, b) if s == 0 else None


def good(name, b):
    try:
        return proto(name, b, 4096) is not None
    except Bad:
        return False


def message(b):
    m = proto("Message", b, 2048)
    check(all(re.fullmatch("[A-Z]{2}", m[x]) for x in ("from", "to")) and m["from"] != m["to"] and len(m["docket_commit"]) == len(m["content_commit"]) == 32
          and m["submitted_ms"], "E-CANON", "Message")
    check(len(m["nonce"]) == 16 and not m["epoch"] and not m["seq"] and not m["prev"] if m["nonce"] else
          m["epoch"] and 1 <= m["seq"] <= MAXINT and len(m["prev"]) == 32 and (m["seq"] == 1) == (m["prev"] == ZERO), "E-CANON", "Message: number")
    return m


def sealing(statement):
    """The Sealing in a Statement, and the identifier of the key that signs."""
    st = proto("Statement", statement, 4096)
    s = proto("Sealing", st["sealing"], 3072)
    check(len(st["ct_digest"]) == len(st["wrap_digest"]) == len(s["manifest_digest"]) == 32 and len(s["from_kid"]) == len(s["to_kid"]) == 8, "E-CANON", "lengths")
    return s, s["from_kid"]


def root_field(b):
    """The first field of a BatchSignature, the root's signature, with tag and length."""
    try:
        n, at = varint(b, 1)
        return b[:at + n] if b[0] == 10 and at + n <= len(b) else None
    except (Bad, IndexError):
        return None


NOT_CHECKED = ("steps of cases, states, decisions, rights, deadlines, justifications: rogatory-audit replay", "what two logs say of each other: rogatory-audit reconcile",
               "rules, calendars and lists of services in directories and manifests; time tokens, but for their digests and what their leaves say (A4): rogatory-audit --tsa")


def verify(path, anchor):
    """Returns findings [(index, code, log, why)], status, size, root, assurance."""
    try:
        a = Archive(path)
    except Bad as e:
        return [(-1, e.code, "", e.why)], "FINDINGS", 0, "-", "-"
    t = Audit(a, anchor)
    t.run()
    found, codes = sorted(set(t.found)), {f[1] for f in t.found}
    status = "FINDINGS" if any(c[0] == "E" for c in codes) else "INCOMPLETE" if codes & {"W-UNWITNESSED", "W-UNKNOWN"} else "ok"
    level = "-" if "E-ROOT" in codes else "A0" if not t.rooted else "A1" if not t.seconded else "A2" if t.best <= t.last else "A3"
    root = (t.root if t.size else None) or t.info["hash"]
    return found, status, t.size, b64url(root) if root != ZERO else "-", level


def vectors(root):
    """Judges every folder with an expect.json (crypto/translog/README.md, Vectors) and prints where it disagrees."""
    wrong = n = 0
    for name in sorted(os.listdir(root)):
        try:
            with open(os.path.join(root, name, "expect.json"), "rb") as f:
                want = json.load(f)
        except OSError:
            continue
        with tempfile.TemporaryDirectory() as tmp:
            path = os.path.join(root, name, "archive.zip")
            if not os.path.exists(path):
                path = os.path.join(tmp, "archive")
                for part in (want.get("base"), name):
                    if part and os.path.isdir(os.path.join(root, part, "archive")):
                        shutil.copytree(os.path.join(root, part, "archive"), path, dirs_exist_ok=True)
                    for gone in want.get("remove", []) if part != name else []:
                        os.remove(os.path.join(path, gone))
                        try:
                            os.removedirs(os.path.dirname(os.path.join(path, gone)))
                        except OSError:
                            pass
                for folder in want.get("folders", []):
                    os.makedirs(os.path.join(path, folder), exist_ok=True)
                for link in want.get("links", []):
                    os.symlink("../" * link.count("/") + "archive.json", os.path.join(path, link))
            with open(os.path.join(root, want["directory"]), "rb") as f:
                anchor = f.read()
            found, status, size, digest, level = verify(path, pinned(anchor, read_directory(anchor)["digest"]))
        got = {"exit": EXIT[status], "status": status, "size": size, "root": digest, "assurance": level, "findings": sorted({(i, c) for i, c, *_ in found})}
        got["findings"] = [f"{c} {i}" for i, c in got["findings"]]
        n += 1
        if any(got[k] != want[k] for k in got):
            wrong += 1
            print(f"{name} ({want['what']}): wanted {({k: want[k] for k in got if got[k] != want[k]})}, found {({k: got[k] for k in got if got[k] != want[k]})}")
            print("    " + "\n    ".join(f"{c} {i} {why}" for i, c, _, why in found))
    print(f"{n} vectors, {wrong} judged otherwise")
    return 1 if wrong or not n else 0


EXIT = {"ok": 0, "FINDINGS": 1, "INCOMPLETE": 3}


def main(args):
    if args[:1] == ["--vectors"] and len(args) == 2:
        return vectors(args[1])
    as_json = "--json" in args
    args = [x for x in args if x != "--json"]
    if len(args) != 3 or args[1] != "--directory":
        print(__doc__, file=sys.stderr)
        return 2
    try:
        with open(args[2], "rb") as f:
            b = f.read()
        anchor = pinned(b, read_directory(b)["digest"])
        found, status, *rest = verify(args[0], anchor)
    except (Bad, OSError) as e:
        print(f"verify.py: {e}", file=sys.stderr)
        return 2
    for index, code, log, why in found:
        print(json.dumps({"code": code, "log": log, "index": index, "detail": why}) if as_json else f"{code}\t{index}\t{log}\t{why}")
    for what in NOT_CHECKED:
        print(json.dumps({"not checked": what}) if as_json else f"not checked: {what}")
    line = f"RESULT {status} {rest[0]} {rest[1]} not-checked {rest[2]}"
    print(json.dumps({"result": line, "status": status}) if as_json else line)
    return EXIT[status]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
