// What runs in the pods of the real node: `pause` holds a pod's namespaces, `serve` answers
// requests with its version and counts them, for a Prometheus too. Static, so that it is a whole
// image by itself.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand"
	"net/http"
	"os"
	"os/signal"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

func main() {
	if len(os.Args) > 1 && os.Args[1] == "serve" {
		serve()
		return
	}
	// A pause container also collects the orphans of its pod.
	ended := make(chan os.Signal, 1)
	signal.Notify(ended, syscall.SIGTERM, syscall.SIGINT)
	<-ended
}

func seconds(name string) time.Duration {
	made, err := time.ParseDuration(os.Getenv(name))
	if err != nil {
		return 0
	}
	return made
}

// Upper bounds in seconds, as a client library of Prometheus has them by default.
var bounds = []float64{.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10}

// counted is what a Prometheus scrapes: answers by status, and by how long they took.
type counted struct {
	guard  sync.Mutex
	status map[int]int
	within []int
}

func (c *counted) add(status int, took time.Duration) {
	c.guard.Lock()
	defer c.guard.Unlock()
	c.status[status]++
	for at, bound := range bounds {
		if took.Seconds() <= bound {
			c.within[at]++
		}
	}
}

func (c *counted) page(w http.ResponseWriter, _ *http.Request) {
	c.guard.Lock()
	defer c.guard.Unlock()
	w.Header().Set("content-type", "text/plain; version=0.0.4")
	all := 0
	for status, count := range c.status {
		all += count
		fmt.Fprintf(w, "http_requests_total{status=\"%d\"} %d\n", status, count)
	}
	for at, bound := range bounds {
		fmt.Fprintf(w, "http_request_duration_seconds_bucket{le=\"%g\"} %d\n", bound, c.within[at])
	}
	fmt.Fprintf(w, "http_request_duration_seconds_bucket{le=\"+Inf\"} %d\n", all)
}

func serve() {
	version := os.Getenv("VERSION")
	// Like a server that has something to load: until then nothing listens.
	time.Sleep(seconds("STARTS"))
	switch os.Getenv("FATE") {
	case "crash":
		fmt.Println("no model file")
		os.Exit(3)
	case "oom":
		held := [][]byte{}
		for {
			block := make([]byte, 1<<20)
			for at := range block {
				block[at] = 1
			}
			held = append(held, block)
			_ = held
		}
	}
	var asked atomic.Int64
	// Once its end was asked for, it lets each client go after an answer: closing idle connections
	// at once would cut a request that is just being sent.
	var ending atomic.Bool
	// How often each order came: a request that is answered twice is a doubled order.
	var guard sync.Mutex
	seen := map[string]int{}
	ready := http.StatusOK
	if os.Getenv("FATE") == "never-ready" {
		ready = http.StatusServiceUnavailable
	}
	took := seconds("LATENCY")
	errors, _ := strconv.ParseFloat(os.Getenv("ERRORS"), 64)
	known := counted{status: map[int]int{}, within: make([]int, len(bounds))}
	http.HandleFunc("/metrics", known.page)
	http.HandleFunc("/healthz", func(w http.ResponseWriter, r *http.Request) {})
	http.HandleFunc("/readyz", func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(ready) })
	http.HandleFunc("/counts", func(w http.ResponseWriter, r *http.Request) {
		guard.Lock()
		defer guard.Unlock()
		_ = json.NewEncoder(w).Encode(map[string]any{
			"version": version, "asked": asked.Load(), "orders": len(seen),
		})
	})
	http.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		began := time.Now()
		asked.Add(1)
		if id := r.Header.Get("x-request-id"); id != "" {
			guard.Lock()
			seen[id]++
			guard.Unlock()
		}
		time.Sleep(took)
		if ending.Load() {
			w.Header().Set("connection", "close")
		}
		status := http.StatusOK
		if rand.Float64() < errors {
			status = http.StatusInternalServerError
		}
		known.add(status, time.Since(began))
		w.Header().Set("content-type", "application/json")
		w.WriteHeader(status)
		_ = json.NewEncoder(w).Encode(map[string]string{"version": version, "path": r.URL.Path})
	})
	server := &http.Server{Addr: ":8080", ReadHeaderTimeout: 10 * time.Second}
	ended := make(chan os.Signal, 1)
	signal.Notify(ended, syscall.SIGTERM)
	if os.Getenv("ON_TERM") == "exit" {
		go func() { <-ended; os.Exit(0) }()
	} else {
		go func() {
			<-ended
			ending.Store(true)
			time.Sleep(1500 * time.Millisecond)
			limit, cancel := context.WithTimeout(context.Background(), 10*time.Second)
			defer cancel()
			_ = server.Shutdown(limit)
		}()
	}
	if err := server.ListenAndServe(); err != http.ErrServerClosed {
		fmt.Println(err)
		os.Exit(1)
	}
}
