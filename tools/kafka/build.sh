#!/usr/bin/env bash
# Fetches Apache Kafka (broker and controller in one, KRaft) as Maven artifacts into $OFN_TOOLS/kafka.
# Refuses to fetch again what is there at the pinned version.
set -euo pipefail
VERSION=4.3.0
TOOLS="${OFN_TOOLS:-${XDG_CACHE_HOME:-$HOME/.cache}/openfunction/tools}"
PLACE="$TOOLS/kafka"
say() { printf '%s\n' "$*" >&2; }

if [ "$(cat "$PLACE/version" 2>/dev/null)" = "$VERSION" ] && [ -d "$PLACE/libs" ]; then
  say "kafka $VERSION is there already: $PLACE"
  exit 0
fi
command -v java >/dev/null || { say "java is missing: install Java 17 or later (Debian: openjdk-17-jre-headless)"; exit 1; }
command -v mvn >/dev/null || { say "mvn is missing: install Maven (Debian: maven)"; exit 1; }

say "fetching kafka $VERSION; the first time this takes about half a minute"
work="$PLACE.new"
rm -rf "$work"
mkdir -p "$work"
artifact() { printf '<dependency><groupId>%s</groupId><artifactId>%s</artifactId><version>%s</version></dependency>\n' "$@"; }
{
  printf '<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion>\n'
  printf '<groupId>openfunction.local</groupId><artifactId>kafka</artifactId><version>1</version><packaging>pom</packaging>\n<dependencies>\n'
  artifact org.apache.kafka kafka_2.13 "$VERSION"
  artifact org.apache.kafka kafka-tools "$VERSION"
  artifact org.apache.logging.log4j log4j-slf4j-impl 2.24.3
  printf '</dependencies></project>\n'
} > "$work/pom.xml"
(cd "$work" && mvn -q -B org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy-dependencies \
  -DincludeScope=runtime -DoutputDirectory="$work/libs" >&2)

cat > "$work/log4j2.properties" <<'X'
rootLogger.level=WARN
rootLogger.appenderRef.console.ref=console
appender.console.type=Console
appender.console.name=console
appender.console.layout.type=PatternLayout
appender.console.layout.pattern=%d %p %m (%c)%n
X
printf '%s' "$VERSION" > "$work/version"
rm -rf "$PLACE"
mv "$work" "$PLACE"
say "kafka $VERSION: $PLACE"
