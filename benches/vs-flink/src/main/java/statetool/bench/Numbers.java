package statetool.bench;

import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.apache.flink.streaming.api.functions.source.legacy.RichParallelSourceFunction;

/**
 * Sends the numbers below a limit, each once: the first half at once, the others when {@link #SECOND_HALF} says so. Then it stays
 * alive: a source that ends would end the job.
 */
final class Numbers extends RichParallelSourceFunction<Long> {
    /** Lets the sources of this JVM go on. */
    static final CountDownLatch SECOND_HALF = new CountDownLatch(1);

    private static final int BATCH = 10_000;
    private static final long IDLE_MILLIS = 20;

    private final long limit;
    private volatile boolean running = true;

    Numbers(long limit) {
        this.limit = limit;
    }

    @Override
    public void run(SourceContext<Long> context) throws Exception {
        long next = getRuntimeContext().getTaskInfo().getIndexOfThisSubtask();
        next = send(context, next, limit / 2);
        while (running && !SECOND_HALF.await(IDLE_MILLIS, TimeUnit.MILLISECONDS)) {}
        send(context, next, limit);
        while (running) {
            Thread.sleep(IDLE_MILLIS);
        }
    }

    /** Sends this subtask's numbers from {@code next} on; gives the first that was not sent. */
    private long send(SourceContext<Long> context, long next, long end) {
        int step = getRuntimeContext().getTaskInfo().getNumberOfParallelSubtasks();
        while (running && next < end) {
            synchronized (context.getCheckpointLock()) {
                for (int i = 0; i < BATCH && next < end; i++, next += step) {
                    context.collect(next);
                }
            }
        }
        return next;
    }

    @Override
    public void cancel() {
        running = false;
    }
}
