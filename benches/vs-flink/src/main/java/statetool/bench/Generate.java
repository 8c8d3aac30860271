package statetool.bench;

import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.Paths;
import java.time.Duration;
import org.apache.flink.api.common.JobID;
import org.apache.flink.api.common.JobStatus;
import org.apache.flink.api.common.typeinfo.Types;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.core.execution.SavepointFormatType;
import org.apache.flink.runtime.jobgraph.JobGraph;
import org.apache.flink.runtime.minicluster.MiniCluster;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;
import org.apache.flink.streaming.api.functions.sink.v2.DiscardingSink;

/**
 * Runs one job with the RocksDB backend that puts N entries, and takes of it incremental checkpoints (half way, and at the end) and
 * a canonical savepoint (at the end): {@code DIR/checkpoints/JOB/chk-N} and {@code DIR/canonical}.
 *
 * <p>With {@code two-states} behind N and DIR the job has a second state, with a TTL, and there is no checkpoint; {@code DIR/half} is
 * a time in epoch milliseconds: half of the second state's entries are not younger than that, the others are.
 */
public final class Generate {
    static final int MAX_PARALLELISM = 128;

    private static final int PARALLELISM = 2;
    private static final Duration POLL = Duration.ofMillis(50);

    private final MiniCluster cluster;
    private final JobID job;

    private Generate(MiniCluster cluster, JobID job) {
        this.cluster = cluster;
        this.job = job;
    }

    public static void main(String[] args) throws Exception {
        long entries = Long.parseLong(args[0]);
        Path directory = Paths.get(args[1]).toAbsolutePath();
        boolean twoStates = args.length > 2 && args[2].equals("two-states");
        Configuration settings = settings(directory);
        try (MiniCluster cluster = Flink.cluster(settings, PARALLELISM)) {
            JobGraph graph = job(settings, entries, twoStates);
            cluster.submitJob(graph).get();
            Generate run = new Generate(cluster, graph.getJobID());
            run.await(entries / 2);
            if (twoStates) {
                Files.writeString(directory.resolve("half"), System.currentTimeMillis() + "\n");
                Thread.sleep(POLL.toMillis());
            } else {
                cluster.triggerCheckpoint(run.job).get();
            }
            Numbers.SECOND_HALF.countDown();
            run.await(entries);
            if (!twoStates) {
                cluster.triggerCheckpoint(run.job).get();
            }
            run.savepoint(directory);
            cluster.cancelJob(run.job).get();
            cluster.requestJobResult(run.job).get();
        }
    }

    private static Configuration settings(Path directory) {
        Configuration settings = new Configuration();
        settings.setString("state.backend.type", "rocksdb");
        settings.setString("execution.checkpointing.incremental", "true");
        settings.setString("execution.checkpointing.dir", directory.resolve("checkpoints").toUri().toString());
        settings.setString("execution.checkpointing.externalized-checkpoint-retention", "RETAIN_ON_CANCELLATION");
        settings.setString("execution.checkpointing.timeout", "1 h");
        settings.setString("restart-strategy.type", "none");
        settings.setString("pipeline.object-reuse", "true");
        settings.setString("io.tmp.dirs", directory.resolve("tmp").toString());
        settings.setString("taskmanager.memory.managed.size", "1 gb");
        return settings;
    }

    private static JobGraph job(Configuration settings, long entries, boolean twoStates) {
        StreamExecutionEnvironment env = StreamExecutionEnvironment.getExecutionEnvironment(settings);
        env.setParallelism(PARALLELISM);
        env.setMaxParallelism(MAX_PARALLELISM);
        env.addSource(new Numbers(entries), "numbers", Types.LONG)
                .keyBy(Order::key)
                .process(new Orders(twoStates))
                .uid(Orders.UID)
                .returns(Types.VOID)
                .sinkTo(new DiscardingSink<>());
        return env.getStreamGraph().getJobGraph();
    }

    private void await(long entries) throws Exception {
        while (Orders.PUT.sum() < entries) {
            if (cluster.getJobStatus(job).get() == JobStatus.FAILED) {
                cluster.requestJobResult(job).get().toJobExecutionResult(Generate.class.getClassLoader());
            }
            Thread.sleep(POLL.toMillis());
        }
    }

    private void savepoint(Path directory) throws Exception {
        String target = directory.resolve("savepoints").toUri().toString();
        String taken = cluster.triggerSavepoint(job, target, false, SavepointFormatType.CANONICAL).get();
        Files.move(Paths.get(URI.create(taken)), directory.resolve("canonical"));
    }
}
