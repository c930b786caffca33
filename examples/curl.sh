#!/bin/sh
# Request every route once with curl: curl.sh [URL] [SERVICE]
set -eu
page=${1:-https://example.com}
service=${2:-http://127.0.0.1:8000}

echo "A thumbnail, 320 pixels wide:"
curl -fsS -G "$service/thumb" --data-urlencode "url=$page" -d thumb_width=320 -d format=webp -o thumbnail.webp
ls -l thumbnail.webp

echo "Its headers, from the cache:"
curl -fsS -G -I "$service/thumb" --data-urlencode "url=$page" -d thumb_width=320 -d format=webp

echo "Stored without expiry:"
curl -fsS "$service/persist" -H 'Content-Type: application/json' -d "{\"url\": \"$page\", \"format\": \"webp\"}" |
    tee persisted.json
echo
stored=$(sed 's/.*"url": *"\([^"]*\)".*/\1/' persisted.json)
curl -fsS "$stored" -o stored.webp
ls -l stored.webp

echo "An error:"
curl -sS -G "$service/thumb" --data-urlencode "url=$page" -d width=1
echo

echo "Health and readiness:"
curl -fsS "$service/health"
curl -fsS "$service/ready"
