// Package vector repairs what AVX2 code leaves behind.
//
// circl's assembly for ML-KEM, ML-DSA and Keccak (v1.6.5) returns without VZEROUPPER. On Intel processors every SSE instruction that the thread
// runs from then on, SHA-256 with the SHA extensions above all, waits for the dirty upper halves of its registers: a hash of
// 640 bytes was seen to take thirty times as long, until some other code happens to execute VZEROUPPER. Results are never wrong, only late.
//
// Whoever calls circl calls Leave afterwards. BenchmarkHashAfterKEM shows the difference.
package vector
