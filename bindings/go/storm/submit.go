//go:build !keeps_go_memory

package main

import "culvert"

func submit(session *culvert.Session, f *culvert.Frame) error { return session.Submit(f) }
