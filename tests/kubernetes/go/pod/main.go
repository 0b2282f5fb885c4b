// What runs in the pods of the real node: `pause` holds a pod's namespaces, `serve` answers
// requests with its version and counts them. Static, so that it is a whole image by itself.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/signal"
	"strings"
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

func serve() {
	version := os.Getenv("VERSION")
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
	var asked, copies atomic.Int64
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
	http.HandleFunc("/readyz", func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(ready) })
	http.HandleFunc("/counts", func(w http.ResponseWriter, r *http.Request) {
		guard.Lock()
		defer guard.Unlock()
		_ = json.NewEncoder(w).Encode(map[string]any{
			"version": version, "asked": asked.Load(), "copies": copies.Load(), "orders": len(seen),
		})
	})
	http.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		if strings.Contains(r.Host, "-shadow") {
			copies.Add(1)
		}
		if id := r.Header.Get("x-request-id"); id != "" {
			guard.Lock()
			seen[id]++
			guard.Unlock()
		}
		time.Sleep(took)
		if ending.Load() {
			w.Header().Set("connection", "close")
		}
		w.Header().Set("content-type", "application/json")
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
