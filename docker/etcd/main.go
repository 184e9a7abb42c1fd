// The etcd of the image: its server alone, built from the module proxy at the version that go.sum pins.
package main

import (
	"os"

	"go.etcd.io/etcd/server/v3/etcdmain"
)

func main() {
	etcdmain.Main(os.Args)
}
