# Building and running the Java side, for the scripts beside this file, which set `here` and `work`.

# Parts of Flink that not every release has.
profiles() {
  case $1 in
    1.13) echo "release-$1,scala,kafka-legacy" ;;
    1.16) echo "release-$1,scala,kafka-legacy,changelog" ;;
    1.18) echo "release-$1,scala,kafka-legacy,changelog,changelog-files" ;;
    1.20) echo "release-$1,scala,kafka-legacy,changelog,changelog-files,records" ;;
    2.0) echo "release-$1,changelog,changelog-files,forst,records,sets" ;;
    *) echo "release-$1,changelog,changelog-files,forst,records,sets,variants" ;;
  esac
}

maven() {
  nice mvn -q -B -Dstyle.color=never "$@" >&2
}

# The broker of the Kafka scenarios runs in a process of its own.
broker=$here/target/broker/classpath
mkdir -p "$here/target/broker"
maven -f "$here/broker/pom.xml" dependency:build-classpath -Dmdep.outputFile="$broker"

build() {
  maven -f "$here/pom.xml" -P"$(profiles "$1")" compile dependency:build-classpath \
    -Dmdep.outputFile="$here/target/$1/classpath" -Dmdep.includeScope=runtime
}

java_flags=(-Xmx2g -XX:-UsePerfData -Duser.timezone=UTC -Dfile.encoding=UTF-8 -Dorg.slf4j.simpleLogger.defaultLogLevel=error)
for package in java.lang java.lang.reflect java.util java.util.concurrent java.util.concurrent.atomic java.time java.text java.io \
  java.nio java.net java.math sun.nio.ch sun.net.util; do
  java_flags+=("--add-opens=java.base/$package=ALL-UNNAMED")
done

# run RELEASE CLASS ARGUMENT...: a main class of the release, as built.
run() {
  local release=$1 target=$here/target/$1 temporary=$work/java-$1
  mkdir -p "$temporary"
  exec nice java "${java_flags[@]}" -Djava.io.tmpdir="$temporary" -Dfixtures.broker.classpath="$(cat "$broker")" \
    -cp "$target/classes:$(cat "$target/classpath")" "statetool.fixtures.$2" "${@:3}"
}
