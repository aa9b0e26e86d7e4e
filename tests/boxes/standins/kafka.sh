#!/bin/bash
# Stands in for the entry point of the image `apache/kafka`: the same variables become the same settings, written to the
# same folder. LIAISON_JAVA is the program, LIAISON_KAFKA the folder of the jars.
set -eu
settings=/opt/kafka/config/server.properties
java() {
    "$LIAISON_JAVA" $KAFKA_HEAP_OPTS -XX:+UseSerialGC -XX:TieredStopAtLevel=1 -Dkafka.logs.dir="$LOG_DIR" -cp "$LIAISON_KAFKA/*" "$@"
}
: > "$settings"
for name in ${!KAFKA_*}; do
    test "$name" = KAFKA_HEAP_OPTS && continue
    key=${name#KAFKA_}
    key=${key,,}
    echo "${key//_/.}=${!name}" >> "$settings"
done
java kafka.tools.StorageTool format --ignore-formatted --cluster-id "$CLUSTER_ID" --config "$settings" > /dev/null
exec "$LIAISON_JAVA" $KAFKA_HEAP_OPTS -XX:+UseSerialGC -XX:TieredStopAtLevel=1 -XX:ActiveProcessorCount=2 -Dkafka.logs.dir="$LOG_DIR" \
    -cp "$LIAISON_KAFKA/*" kafka.Kafka "$settings"
