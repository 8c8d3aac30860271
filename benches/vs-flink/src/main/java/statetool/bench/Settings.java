package statetool.bench;

import org.apache.flink.configuration.Configuration;
import org.apache.flink.runtime.state.StateBackend;
import org.apache.flink.runtime.state.hashmap.HashMapStateBackend;
import org.apache.flink.state.rocksdb.EmbeddedRocksDBStateBackend;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;

/** What all jobs of the State Processor API have in common. */
final class Settings {
    static final int PARALLELISM = 2;

    private Settings() {}

    /** Where a job runs; it keeps its databases below {@code scratch}. */
    static StreamExecutionEnvironment environment(String scratch) {
        Configuration settings = new Configuration();
        settings.setString("rest.port", "0");
        settings.setString("rest.bind-port", "0");
        settings.setString("pipeline.object-reuse", "true");
        settings.setString("taskmanager.memory.managed.size", "1 gb");
        settings.setString("io.tmp.dirs", scratch);
        StreamExecutionEnvironment env = StreamExecutionEnvironment.getExecutionEnvironment(settings);
        env.setParallelism(PARALLELISM);
        return env;
    }

    static StateBackend backend(String name) {
        switch (name) {
            case "hashmap":
                return new HashMapStateBackend();
            case "rocksdb":
                return new EmbeddedRocksDBStateBackend();
            default:
                throw new IllegalArgumentException("no backend setting: " + name);
        }
    }
}
