module culvert

go 1.19
