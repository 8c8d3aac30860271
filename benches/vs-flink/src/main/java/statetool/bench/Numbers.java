package statetool.bench;

import org.apache.flink.streaming.api.functions.source.legacy.RichParallelSourceFunction;

/** Sends the numbers below a limit, each once, then stays alive: a source that ends would end the job. */
final class Numbers extends RichParallelSourceFunction<Long> {
    private static final int BATCH = 10_000;
    private static final long IDLE_MILLIS = 20;

    private final long limit;
    private volatile boolean running = true;

    Numbers(long limit) {
        this.limit = limit;
    }

    @Override
    public void run(SourceContext<Long> context) throws Exception {
        int step = getRuntimeContext().getTaskInfo().getNumberOfParallelSubtasks();
        long next = getRuntimeContext().getTaskInfo().getIndexOfThisSubtask();
        while (running && next < limit) {
            synchronized (context.getCheckpointLock()) {
                for (int i = 0; i < BATCH && next < limit; i++, next += step) {
                    context.collect(next);
                }
            }
        }
        while (running) {
            Thread.sleep(IDLE_MILLIS);
        }
    }

    @Override
    public void cancel() {
        running = false;
    }
}
