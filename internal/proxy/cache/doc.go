// Package cache keeps answers to GET as RFC 9111 lets a shared cache, and gives
// them to later GETs and HEADs. Where the RFC leaves a choice, it keeps less:
// what sets cookies, is partial, has a trailer, asks to be validated (no-cache)
// or says nothing of its freshness (unless there is a default) is not kept. It
// never asks a service whether something stale is still good.
//
// A [Cache] holds bytes up to its limit and evicts what is least likely to be
// asked for (W-TinyLFU). The pipeline uses it in four steps:
//
//   - [Cache.Lookup], before it changes the request's head. A Fresh entry
//     answers ([Entry.Answer]); a Stale one may stand in if the service fails
//     ([Entry.Usable]).
//   - [Cache.Fill], also before, where there was no fresh entry. It takes the
//     answer's head, then its body as it passes, and is committed at its end.
//   - [Cache.Key] of a request whose method is [Unsafe], also before, and
//     [Cache.Invalidate] when the answer, if it is no error, has come.
//
// Everything but a Fill may be used by several loops at once, and Lookup never
// waits. Time comes in. Only package proxy uses this package.
package cache
