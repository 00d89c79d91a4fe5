// Package forge makes histories for tests of the auditor: several countries that write to each other, honestly, each with its log,
// keys, people and cases, all in memory. A test may then take the part of one country's operator, who holds all of that country's
// keys, alter whatever it likes, and sign everything anew.
//
// Honest histories are those that a node writes: the same leaves in the same order, steps of cases made by exchange.Apply,
// acts signed by officers on the register, receipts proven by the peer's tree, heads cosigned by those peers who see that they
// are consistent. Time is the World's own.
//
//	w := forge.New(t, "RS", "BG", "GR")
//	c := w.Ask("RS", "BG")        // drafted, approved, sent, received, receipted
//	w.Reply(c)
//	w.Round()                     // heads are cosigned
//	rs := w.Country("RS").Log
//	rs.Delete(rs.Find("msg")[1])  // the operator removes an entry
//	rs.Resign()                   // and signs the history anew
//	dir := w.Archive("RS", t.TempDir()+"/RS")
//
// A World is for one goroutine. What goes wrong ends the test.
package forge
