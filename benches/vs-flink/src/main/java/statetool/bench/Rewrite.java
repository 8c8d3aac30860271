package statetool.bench;

import org.apache.flink.api.common.functions.OpenContext;
import org.apache.flink.api.common.state.ValueState;
import org.apache.flink.api.common.typeinfo.Types;
import org.apache.flink.runtime.state.StateBackend;
import org.apache.flink.state.api.OperatorIdentifier;
import org.apache.flink.state.api.OperatorTransformation;
import org.apache.flink.state.api.SavepointReader;
import org.apache.flink.state.api.SavepointWriter;
import org.apache.flink.state.api.functions.KeyedStateBootstrapFunction;
import org.apache.flink.state.api.functions.KeyedStateReaderFunction;
import org.apache.flink.streaming.api.datastream.DataStream;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;
import org.apache.flink.util.Collector;

/**
 * Makes a new savepoint of a snapshot with the State Processor API.
 *
 * <p>Called with: backend setting, snapshot, new savepoint, scratch directory, and options.
 *
 * <ul>
 *   <li>{@code --rename UID}: only the operator's uid changes; the API copies the files then.
 *   <li>{@code --max-parallelism N}
 *   <li>{@code --seen}: there is a second state, which is kept, too; without it that state is left out.
 *   <li>{@code --seen-after MILLIS}: as {@code --seen}, but of that state only what is younger than the time stamp.
 * </ul>
 */
public final class Rewrite {
    private int maxParallelism = Generate.MAX_PARALLELISM;
    private String uid;
    private boolean seen;
    private long seenAfter = Long.MIN_VALUE;

    private Rewrite() {}

    public static void main(String[] args) throws Exception {
        Rewrite rewrite = new Rewrite();
        for (int i = 4; i < args.length; i++) {
            switch (args[i]) {
                case "--rename":
                    rewrite.uid = args[++i];
                    break;
                case "--max-parallelism":
                    rewrite.maxParallelism = Integer.parseInt(args[++i]);
                    break;
                case "--seen":
                    rewrite.seen = true;
                    break;
                case "--seen-after":
                    rewrite.seen = true;
                    rewrite.seenAfter = Long.parseLong(args[++i]);
                    break;
                default:
                    throw new IllegalArgumentException("no option: " + args[i]);
            }
        }
        StreamExecutionEnvironment env = Settings.environment(args[3]);
        rewrite.writer(env, Settings.backend(args[0]), args[1]).write(args[2]);
        env.execute();
    }

    private SavepointWriter writer(StreamExecutionEnvironment env, StateBackend backend, String snapshot)
            throws Exception {
        OperatorIdentifier orders = OperatorIdentifier.forUid(Orders.UID);
        if (uid != null) {
            return SavepointWriter.fromExistingSavepoint(env, snapshot, backend)
                    .changeOperatorIdentifier(orders, OperatorIdentifier.forUid(uid));
        }
        DataStream<Kept> kept = SavepointReader.read(env, snapshot, backend)
                .readKeyedState(orders, new Reader(seen, seenAfter), Types.STRING, Types.POJO(Kept.class));
        return SavepointWriter.newSavepoint(env, backend, maxParallelism)
                .withOperator(
                        orders,
                        OperatorTransformation.bootstrapWith(kept)
                                .keyBy(entry -> entry.key, Types.STRING)
                                .transform(new Writer(seen)));
    }

    private static final class Reader extends KeyedStateReaderFunction<String, Kept> {
        private final boolean hasSeen;
        private final long seenAfter;
        private transient ValueState<Order> last;
        private transient ValueState<Long> seen;

        Reader(boolean hasSeen, long seenAfter) {
            this.hasSeen = hasSeen;
            this.seenAfter = seenAfter;
        }

        @Override
        public void open(OpenContext context) {
            last = getRuntimeContext().getState(Orders.STATE);
            seen = hasSeen ? getRuntimeContext().getState(Orders.SEEN) : null;
        }

        @Override
        public void readKey(String key, Context context, Collector<Kept> out) throws Exception {
            Kept kept = new Kept();
            kept.key = key;
            kept.order = last.value();
            Long when = hasSeen ? seen.value() : null;
            kept.seen = when != null && when > seenAfter ? when : null;
            out.collect(kept);
        }
    }

    private static final class Writer extends KeyedStateBootstrapFunction<String, Kept> {
        private final boolean hasSeen;
        private transient ValueState<Order> last;
        private transient ValueState<Long> seen;

        Writer(boolean hasSeen) {
            this.hasSeen = hasSeen;
        }

        @Override
        public void open(OpenContext context) {
            last = getRuntimeContext().getState(Orders.STATE);
            seen = hasSeen ? getRuntimeContext().getState(Orders.SEEN) : null;
        }

        @Override
        public void processElement(Kept kept, Context context) throws Exception {
            if (kept.order != null) {
                last.update(kept.order);
            }
            if (kept.seen != null) {
                seen.update(kept.seen);
            }
        }
    }
}
