#!/usr/bin/env python3
"""Tests of check.py on the evidence that it stands in: python3 check_test.py DIRECTORY"""
import contextlib, io, os, shutil, sys, tempfile, unittest
import check

HERE = os.path.dirname(os.path.abspath(__file__))


def status(where):
    with contextlib.redirect_stdout(io.StringIO()):
        return check.main([where, "--directory", DIRECTORY])


class Check(unittest.TestCase):
    def test_the_evidence_holds(self):
        self.assertEqual(status(HERE), 0)

    def test_a_changed_byte_of_any_source_is_found_without_the_listing(self):
        listed, check.listed = check.listed, lambda files: None
        self.addCleanup(setattr, check, "listed", listed)
        with tempfile.TemporaryDirectory() as tmp:
            copy = os.path.join(tmp, "evd")
            shutil.copytree(HERE, copy)
            for folder, _, names in os.walk(copy):
                for name in sorted(names):
                    if not name.endswith((".bin", ".tlog-proof", ".leaf", ".checkpoint")) or name == "signed.bin":
                        continue
                    path = os.path.join(folder, name)
                    with open(path, "rb") as f:
                        honest = f.read()
                    with open(path, "wb") as f:
                        f.write(honest[:-70] + bytes([honest[-70] ^ 1]) + honest[-69:] if len(honest) > 70 else b"\0" + honest)
                    self.assertEqual(status(copy), 1, path)
                    with open(path, "wb") as f:
                        f.write(honest)

    def test_ml_dsa_needs_every_bit(self):
        name = next(n for n in check.Files(HERE) if n.endswith(".tlog-proof"))
        proof = check.Files(HERE)[name]
        log = check.Trust(check.Files(HERE), open(DIRECTORY, "rb").read()).log(check.Note(proof.split(b"\n\n", 1)[1]).origin)
        note = check.Note(proof.split(b"\n\n", 1)[1])
        kid, sig = note.lines[1][1:]
        self.assertEqual(log[1].verify(sig, note), 0)
        self.assertIsNone(log[1].verify(sig[:100] + bytes([sig[100] ^ 4]) + sig[101:], note))


if __name__ == "__main__":
    DIRECTORY = os.path.abspath(sys.argv.pop())
    unittest.main()
