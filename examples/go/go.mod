module culvert-examples

go 1.19

require culvert v0.0.0

replace culvert => ../../bindings/go
