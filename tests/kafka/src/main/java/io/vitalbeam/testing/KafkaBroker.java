package io.vitalbeam.testing;

import java.io.IOException;
import kafka.Kafka;
import kafka.tools.StorageTool;

/**
 * One Kafka broker that is its own controller (KRaft). Its argument is its properties file, whose
 * {@code log.dirs} are formatted if they are new. It ends when its standard input does: whoever
 * started it is gone then.
 */
public final class KafkaBroker {
  private static final String CLUSTER = "dml0YWxiZWFtdGVzdGluZw";

  private KafkaBroker() {}

  public static void main(String[] args) {
    String[] format = {"format", "-t", CLUSTER, "-c", args[0], "--ignore-formatted"};
    if (StorageTool.execute(format, System.err) != 0) {
      System.exit(1);
    }
    Thread watcher = new Thread(KafkaBroker::endWithInput, "end-with-input");
    watcher.setDaemon(true);
    watcher.start();
    Kafka.main(args);
  }

  private static void endWithInput() {
    try {
      while (System.in.read() >= 0) {}
    } catch (IOException error) {
      // The same as its end.
    }
    Runtime.getRuntime().halt(1);
  }
}
