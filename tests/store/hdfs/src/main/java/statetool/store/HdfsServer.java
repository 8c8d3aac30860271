package statetool.store;

import java.io.BufferedReader;
import java.io.File;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.Paths;
import java.nio.file.StandardCopyOption;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FSDataOutputStream;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.permission.FsPermission;
import org.apache.hadoop.hdfs.MiniDFSCluster;
import org.apache.hadoop.hdfs.MiniDFSNNTopology;
import org.apache.hadoop.hdfs.server.namenode.ha.HATestUtil;

/**
 * Runs a mini cluster with a few known files until it is killed.
 *
 * <p>Arguments: a directory for its data, and {@code single} or {@code ha}. When it can be used,
 * the file {@code ready} in the directory holds the variables that tests need.
 */
public final class HdfsServer {
    private static final String SERVICE = "statetool-ha";
    private static final int BLOCK = 1 << 20;
    private static final int BIG = 5 * BLOCK / 2;

    public static void main(String[] args) throws Exception {
        Path directory = Paths.get(args[0]);
        boolean ha = args[1].equals("ha");
        Configuration conf = new Configuration();
        conf.set(MiniDFSCluster.HDFS_MINIDFS_BASEDIR, directory.resolve("data").toString());
        conf.setInt("dfs.blocksize", BLOCK);
        conf.setInt("dfs.namenode.fs-limits.min-block-size", BLOCK);
        conf.setInt("dfs.replication", 1);
        // A standby that is close behind takes over at once.
        conf.setInt("dfs.ha.tail-edits.period", 1);
        MiniDFSCluster.Builder builder = new MiniDFSCluster.Builder(conf).numDataNodes(1);
        if (ha) {
            builder.nnTopology(MiniDFSNNTopology.simpleHATopology());
        }
        MiniDFSCluster cluster = builder.build();
        Runtime.getRuntime().addShutdownHook(new Thread(() -> cluster.shutdown(true)));
        cluster.waitActive();
        if (ha) {
            cluster.transitionToActive(0);
        }
        try (FileSystem fs = ha ? HATestUtil.configureFailoverFs(cluster, conf) : cluster.getFileSystem()) {
            fill(fs);
            publish(cluster, directory, ha);
        }
        if (ha) {
            failOver(cluster, directory);
        }
        Thread.currentThread().join();
    }

    private static void fill(FileSystem fs) throws Exception {
        org.apache.hadoop.fs.Path base = new org.apache.hadoop.fs.Path("/flink/sp 1%20");
        fs.mkdirs(new org.apache.hadoop.fs.Path(base, "shared"));
        try (FSDataOutputStream out = fs.create(new org.apache.hadoop.fs.Path(base, "_metadata"))) {
            out.write(new byte[] {0x49, 0x60, 0x67, 0x2a});
        }
        // Byte i is (31 * i) mod 251, over three blocks.
        try (FSDataOutputStream out = fs.create(new org.apache.hadoop.fs.Path(base, "big"))) {
            byte[] bytes = new byte[BIG];
            for (int i = 0; i < BIG; i++) {
                bytes[i] = (byte) (31L * i % 251);
            }
            out.write(bytes);
        }
        org.apache.hadoop.fs.Path secret = new org.apache.hadoop.fs.Path("/flink/secret");
        fs.mkdirs(secret);
        fs.create(new org.apache.hadoop.fs.Path(secret, "_metadata")).close();
        fs.setPermission(secret, new FsPermission("700"));
    }

    private static void publish(MiniDFSCluster cluster, Path directory, boolean ha) throws Exception {
        Path conf = directory.resolve("conf");
        Configuration client = new Configuration(false);
        if (ha) {
            // What an administrator writes for a service; a host of that name does not exist.
            client.set("dfs.nameservices", SERVICE);
            client.set("dfs.ha.namenodes." + SERVICE, "nn1,nn2");
            for (int i = 0; i < 2; i++) {
                client.set("dfs.namenode.rpc-address." + SERVICE + ".nn" + (i + 1),
                        "localhost:" + cluster.getNameNodePort(i));
            }
            client.set("dfs.client.failover.proxy.provider." + SERVICE,
                    "org.apache.hadoop.hdfs.server.namenode.ha.ConfiguredFailoverProxyProvider");
        }
        String uri = ha ? "hdfs://" + SERVICE : cluster.getURI().toString();
        try (OutputStream out = Files.newOutputStream(conf.resolve("hdfs-site.xml"))) {
            client.writeXml(out);
        }
        Configuration core = new Configuration(false);
        core.set("fs.defaultFS", uri);
        try (OutputStream out = Files.newOutputStream(conf.resolve("core-site.xml"))) {
            core.writeXml(out);
        }
        String variables = ha
                ? "export STATETOOL_TEST_HDFS_HA=" + uri + "\n"
                        + "export STATETOOL_TEST_HDFS_HA_CONF='" + conf + "'\n"
                        + "export STATETOOL_TEST_HDFS_FAILOVER='" + directory.resolve("failover") + "'\n"
                : "export STATETOOL_TEST_HDFS=" + uri + "\n"
                        + "export STATETOOL_TEST_HDFS_CONF='" + conf + "'\n";
        Path unfinished = directory.resolve("ready.unfinished");
        Files.writeString(unfinished, variables);
        Files.move(unfinished, directory.resolve("ready"), StandardCopyOption.ATOMIC_MOVE);
    }

    /** Makes the other name node active for every line in the pipe. */
    private static void failOver(MiniDFSCluster cluster, Path directory) throws Exception {
        int active = 0;
        File pipe = directory.resolve("failover").toFile();
        while (true) {
            try (BufferedReader lines = Files.newBufferedReader(pipe.toPath())) {
                while (lines.readLine() != null) {
                    cluster.transitionToStandby(active);
                    active = 1 - active;
                    cluster.transitionToActive(active);
                    System.out.println("active name node: " + active);
                }
            }
        }
    }
}
