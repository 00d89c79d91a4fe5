// Package recovery is what a node does whose log was closed after a rollback and continued by the next one: it has its peers give back what was
// lost, and says at the end what came back and what did not. node/README.md has the whole road, package giveback the other side.
//
// Nothing of a peer is taken, and no message to it gets a number, before it has answered. Each message of ours that it gives back must be proven to
// be ours: by our signature, the commitments, and the peer's receipt. It waits beside the log for its turn, which the durable lane gives it. The
// peer's own messages come again on the ordinary road, with the time of the lost leaf that our own receipt proves.
//
// Each step is its own transaction, so a crash repeats one step. The stages of a peer (store.StageAsk and the following) say how far it has come.
package recovery
