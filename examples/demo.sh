#!/bin/sh
# The main job: an intent, the policies that it becomes, and a packet that meets
# them; what lets a packet in on a captured node; one allowed and one denied
# connection between the nodes of a shop.
set -e
cd "$(dirname "$0")/.."
show() { echo "\$ $*"; "$@"; echo; }
show bin/tortie compile -f examples/first -f examples/online-shop/cluster
show bin/tortie trace -f examples/first -f examples/online-shop/cluster shop/web-0 shop/db-0:5432
show bin/tortie trace --node-dump node1=examples/captured-node/node1 172.31.0.100 172.31.0.1:30080
show bin/tortie trace -f examples/online-shop shop/web-0 shop/catalog-0:8082
show bin/tortie trace -f examples/online-shop shop/web-0 shop/db-0:5432
