package evidence

// Pack makes a file of what a forger chooses, with the digests that belong to it.
var Pack = pack
