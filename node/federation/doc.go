// Package federation says who is there, what they may ask of one another, which keys speak for them now, and who may act for
// a country: directories, manifests, rules and the register of officers.
//
// Everything here is a pure function of its arguments: no file, no network, no clock. Times are arguments, so that an auditor
// who replays a log next year decides what the node decided.
//
// What a caller may believe:
//
//   - a [Directory] comes from a digest that the operator pinned, or from a directory before it, a threshold of whose members
//     signed ([ParseDirectory], [Advance]); there is no other way to get one;
//   - a [Manifest] was signed by an identity key that leads back to the member's root key in such a directory, and is not
//     older than the one before it ([ParseManifest]);
//   - a [Decision] names the rule that fits ([Policy.Decide]), and [Policy.Explain] says why no rule before it did;
//   - a [Verified] act was signed by somebody on the register, within minutes, over exactly what is about to be done
//     ([Register.VerifyAssertion]).
//
// Every error wraps one sentinel of this package; each has a hint for people.
package federation
