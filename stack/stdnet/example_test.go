package stdnet_test

import (
	"fmt"
	"io"
	"log"
	"net/http"

	"github.com/sockeye-net/sockeye/stack"
	"github.com/sockeye-net/sockeye/stack/stdnet"
)

// A server and a client of package net/http, each on a stack of its own.
func Example() {
	a, b, err := stdnet.Pair(stack.Config{}, stack.Config{}) // 192.0.2.1 and 192.0.2.2, joined in memory
	if err != nil {
		log.Fatal(err)
	}
	defer a.Close()
	defer b.Close()

	l, err := stdnet.New(b).Listen("tcp", ":80")
	if err != nil {
		log.Fatal(err)
	}
	go http.Serve(l, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "Hello, %s", r.URL.Path[1:])
	}))

	n := stdnet.New(a)
	client := http.Client{Transport: &http.Transport{DialContext: n.DialContext}}
	resp, err := client.Get("http://192.0.2.2/Sockeye")
	if err != nil {
		log.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(resp.Status)
	fmt.Printf("%s\n", body)
	// Output:
	// 200 OK
	// Hello, Sockeye
}
