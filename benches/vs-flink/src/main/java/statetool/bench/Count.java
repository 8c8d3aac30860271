package statetool.bench;

import org.apache.flink.api.common.JobExecutionResult;
import org.apache.flink.api.common.accumulators.LongCounter;
import org.apache.flink.api.common.functions.OpenContext;
import org.apache.flink.api.common.state.ValueState;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.state.api.OperatorIdentifier;
import org.apache.flink.state.api.SavepointReader;
import org.apache.flink.state.api.functions.KeyedStateReaderFunction;
import org.apache.flink.runtime.state.StateBackend;
import org.apache.flink.runtime.state.hashmap.HashMapStateBackend;
import org.apache.flink.state.rocksdb.EmbeddedRocksDBStateBackend;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;
import org.apache.flink.streaming.api.functions.sink.v2.DiscardingSink;
import org.apache.flink.util.Collector;

/** Counts the entries of a snapshot with the State Processor API, which reads and decodes all of them; prints how many there are. */
public final class Count {
    private static final int PARALLELISM = 2;

    private Count() {}

    public static void main(String[] args) throws Exception {
        StateBackend backend = backend(args[0]);
        Configuration settings = new Configuration();
        settings.setString("rest.port", "0");
        settings.setString("rest.bind-port", "0");
        settings.setString("pipeline.object-reuse", "true");
        settings.setString("taskmanager.memory.managed.size", "1 gb");
        settings.setString("io.tmp.dirs", args[2]);
        StreamExecutionEnvironment env = StreamExecutionEnvironment.getExecutionEnvironment(settings);
        env.setParallelism(PARALLELISM);
        SavepointReader.read(env, args[1], backend)
                .readKeyedState(OperatorIdentifier.forUid(Orders.UID), new Reader())
                .sinkTo(new DiscardingSink<>());
        JobExecutionResult result = env.execute();
        Long entries = result.getAccumulatorResult(Reader.ENTRIES);
        System.out.println(entries);
    }

    private static StateBackend backend(String name) {
        switch (name) {
            case "hashmap":
                return new HashMapStateBackend();
            case "rocksdb":
                return new EmbeddedRocksDBStateBackend();
            default:
                throw new IllegalArgumentException("no backend setting: " + name);
        }
    }

    /** Emits nothing, so that nothing but reading and decoding costs time. */
    private static final class Reader extends KeyedStateReaderFunction<String, Integer> {
        static final String ENTRIES = "entries";

        private transient ValueState<Order> last;
        private transient LongCounter entries;

        @Override
        public void open(OpenContext context) {
            last = getRuntimeContext().getState(Orders.STATE);
            entries = new LongCounter();
            getRuntimeContext().addAccumulator(ENTRIES, entries);
        }

        @Override
        public void readKey(String key, Context context, Collector<Integer> out) throws Exception {
            if (last.value() != null) {
                entries.add(1);
            }
        }
    }
}
