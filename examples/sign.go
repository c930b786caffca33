// Sign a thumbnail URL: go run sign.go KEY /thumb url=https://example.com thumb_width=320
package main

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/url"
	"os"
	"sort"
	"strings"
)

func encode(text string) string {
	return strings.ReplaceAll(url.QueryEscape(text), "+", "%20")
}

// Signed returns the path with its query and signature.
func Signed(key, path string, parameters map[string]string) string {
	pairs := make([]string, 0, len(parameters))
	for name, value := range parameters {
		pairs = append(pairs, encode(name)+"="+encode(value))
	}
	sort.Strings(pairs)
	query := strings.Join(pairs, "&")
	mac := hmac.New(sha256.New, []byte(key))
	mac.Write([]byte("tintype1\n" + path + "\n" + query))
	return path + "?" + query + "&sig=" + hex.EncodeToString(mac.Sum(nil))
}

func main() {
	parameters := map[string]string{}
	for _, pair := range os.Args[3:] {
		name, value, _ := strings.Cut(pair, "=")
		parameters[name] = value
	}
	fmt.Println(Signed(os.Args[1], os.Args[2], parameters))
}
