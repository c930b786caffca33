#!/bin/sh
# Every route once, with curl: curl.sh [URL] [SERVICE]
set -eu
page=${1:-https://example.com}
service=${2:-http://127.0.0.1:8000}

echo "A picture, 320 pixels wide:"
curl -fsS -G "$service/thumb" --data-urlencode "url=$page" -d thumb_width=320 -d format=webp -o thumbnail.webp
ls -l thumbnail.webp

echo "Its headers; this time from the cache:"
curl -fsS -G -I "$service/thumb" --data-urlencode "url=$page" -d thumb_width=320 -d format=webp

echo "Kept for good:"
curl -fsS "$service/persist" -H 'Content-Type: application/json' -d "{\"url\": \"$page\", \"format\": \"webp\"}" |
    tee persisted.json
echo
stored=$(sed 's/.*"url": *"\([^"]*\)".*/\1/' persisted.json)
curl -fsS "$stored" -o stored.webp
ls -l stored.webp

echo "What a mistake looks like:"
curl -sS -G "$service/thumb" --data-urlencode "url=$page" -d width=1
echo

echo "How it is:"
curl -fsS "$service/health"
curl -fsS "$service/ready"
