package main

import (
	"math/rand"

	"culvert"
)

var sizes = [][2]uint32{{256, 224}, {256, 240}, {320, 240}, {368, 240}, {512, 240}, {320, 224}, {640, 240}, {384, 288},
	{255, 223}, {16, 16}, {640, 480}}

// game draws frames, each into memory of its own, and changes its size every few of them.
type game struct {
	random *rand.Rand
	format culvert.Format
	size   [2]uint32
	left   int // frames up to the next change
	number int
}

// next is the next frame, and whether its size is another one than before.
func (g *game) next() (f culvert.Frame, changed bool) {
	if g.left == 0 {
		size := sizes[g.random.Intn(len(sizes)-g.random.Intn(2))] // the largest is rarer
		// Odd ones come out padded, and are compared byte by byte.
		if g.format == culvert.FormatI420 {
			size = [2]uint32{size[0] &^ 1, size[1] &^ 1}
		}
		changed = g.number > 0 && size != g.size
		g.size, g.left = size, 1+g.random.Intn(4)
	}
	g.left--
	g.number++
	f = culvert.Frame{Format: g.format, Width: g.size[0], Height: g.size[1], PTS: int64(g.number) * 1000000 / 60}
	f.Pixels = make([]byte, pixelBytes(&f))
	g.draw(f.Pixels)
	return f, changed
}

func pixelBytes(f *culvert.Frame) uint32 {
	switch f.Format {
	case culvert.FormatI420:
		return f.Width*f.Height + 2*((f.Width+1)/2)*((f.Height+1)/2)
	case culvert.FormatXRGB8888:
		return 4 * f.Width * f.Height
	}
	return 2 * f.Width * f.Height
}

// Every picture differs from the one before.
func (g *game) draw(pixels []byte) {
	row := 2 * int(g.size[0])
	for i := 0; i < len(pixels); i += row {
		tone := byte(g.number*3 + i/row)
		for k := i; k < i+row && k < len(pixels); k++ {
			pixels[k] = tone
		}
	}
	for i := 0; i < len(pixels)/64; i++ {
		pixels[g.random.Intn(len(pixels))] = byte(g.number)
	}
	pixels[0] = byte(g.number)
}
