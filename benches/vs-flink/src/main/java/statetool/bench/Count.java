package statetool.bench;

import org.apache.flink.api.common.JobExecutionResult;
import org.apache.flink.api.common.accumulators.LongCounter;
import org.apache.flink.api.common.functions.OpenContext;
import org.apache.flink.api.common.state.ValueState;
import org.apache.flink.state.api.OperatorIdentifier;
import org.apache.flink.state.api.SavepointReader;
import org.apache.flink.state.api.functions.KeyedStateReaderFunction;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;
import org.apache.flink.streaming.api.functions.sink.v2.DiscardingSink;
import org.apache.flink.util.Collector;

/** Counts the entries of a snapshot with the State Processor API, which reads and decodes all of them; prints how many there are. */
public final class Count {
    private Count() {}

    public static void main(String[] args) throws Exception {
        StreamExecutionEnvironment env = Settings.environment(args[2]);
        SavepointReader.read(env, args[1], Settings.backend(args[0]))
                .readKeyedState(OperatorIdentifier.forUid(Orders.UID), new Reader())
                .sinkTo(new DiscardingSink<>());
        JobExecutionResult result = env.execute();
        Long entries = result.getAccumulatorResult(Reader.ENTRIES);
        System.out.println(entries);
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
