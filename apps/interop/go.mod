module github.com/sockeye-net/sockeye/apps/interop

go 1.26.3

require (
	github.com/miekg/dns v1.1.73
	github.com/sockeye-net/sockeye v0.0.0
	github.com/stretchr/testify v1.12.1
)

require (
	github.com/dchest/siphash v1.2.3 // indirect
	go.yaml.in/yaml/v3 v3.0.5 // indirect
	golang.org/x/net v0.62.0 // indirect
	golang.org/x/sys v0.49.0 // indirect
)

replace github.com/sockeye-net/sockeye => ../..
