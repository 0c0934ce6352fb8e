//! The options that this crate reads or writes, under Flink's own keys and with Flink's own defaults.
//!
//! Any other option can be declared with [`ConfigOption::new`], or set and read as text with
//! [`Configuration::set_raw`](crate::Configuration::set_raw) and [`get_raw`](crate::Configuration::get_raw).
//!
//! Durations are texts such as `500 ms`, `30 s` or `1 min`; a plain number is milliseconds. Memory sizes are texts such
//! as `1600m` or `4 gb`; a plain number is bytes.

use std::collections::BTreeMap;
use std::time::Duration;

use super::memory::MemorySize;
use super::option::ConfigOption;

/// Declares options; each gets a last paragraph with its key, default and former keys, so that no document can differ
/// from the code, and a row in the table that the tests compare with Flink.
macro_rules! options {
    ($(
        $(#[$doc:meta])*
        $name:ident: $type:ty = $key:literal
            $(, default $default:literal)?
            $(, fallback $fallback:literal)*
            $(, deprecated $deprecated:literal)*;
    )*) => {
        $(
            $(#[$doc])*
            ///
            #[doc = concat!("Key `", $key, "`", $("; default `", $default, "`",)?
                $("; else `", $fallback, "`",)* $("; deprecated `", $deprecated, "`",)* ".")]
            pub const $name: ConfigOption<$type> = ConfigOption::new($key)
                $(.with_default($default))?
                .with_fallback_keys(&[$($fallback),*])
                .with_deprecated_keys(&[$($deprecated),*]);
        )*

        /// Key, keys in the order of look-up, and the default written again after it was read with its type.
        #[cfg(test)]
        pub(super) fn all() -> Vec<(&'static str, Vec<&'static str>, Option<String>)> {
            vec![$({
                let default = $name.default_value().expect($key);
                (
                    $key,
                    $name.keys().collect(),
                    default.map(|value| <$type as crate::ConfigValue>::format_value(&value)),
                )
            }),*]
        }
    };
}

options! {
    /// Host name or IP address of the cluster's REST endpoint, which a client connects to.
    REST_ADDRESS: String = "rest.address", fallback "jobmanager.rpc.address";
    /// Port of the cluster's REST endpoint, which a client connects to.
    REST_PORT: u16 = "rest.port", default "8081", deprecated "web.port";
    /// Path below which a proxy offers the REST endpoint, put before the path of each request of the client.
    REST_PATH: String = "rest.path", default "";
    /// Path below which the REST endpoint itself serves.
    REST_URL_PREFIX: String = "rest.url-prefix", default "/";
    /// The address that the REST endpoint listens on.
    REST_BIND_ADDRESS: String = "rest.bind-address",
        fallback "web.address", deprecated "jobmanager.web.address";
    /// The port, ports or range of ports that the REST endpoint may listen on, such as `8081`, `50100,50101` or
    /// `50100-50200`; 0 for any free one.
    REST_BIND_PORT: String = "rest.bind-port", default "8081",
        fallback "rest.port", deprecated "web.port", deprecated "jobmanager.web.port";
    /// How long the client waits for a connection to be made.
    REST_CONNECTION_TIMEOUT: Duration = "rest.connection-timeout", default "15 s";
    /// How long a connection may be silent while an answer is awaited before it is given up.
    REST_IDLENESS_TIMEOUT: Duration = "rest.idleness-timeout", default "5 min";
    /// How long the client waits for a leader to be known, with high availability.
    REST_AWAIT_LEADER_TIMEOUT: Duration = "rest.await-leader-timeout", default "30 s";
    /// How often a request that failed for a reason that may pass is tried again.
    REST_RETRY_MAX_ATTEMPTS: u32 = "rest.retry.max-attempts", default "20";
    /// The time between two attempts of a request.
    REST_RETRY_DELAY: Duration = "rest.retry.delay", default "3 s";
    /// The largest answer that the client takes, in bytes.
    REST_CLIENT_MAX_CONTENT_LENGTH: u32 = "rest.client.max-content-length", default "104857600";
    /// The largest request that the server takes, in bytes.
    REST_SERVER_MAX_CONTENT_LENGTH: u32 = "rest.server.max-content-length", default "104857600";
    /// How long the JobManager remembers the outcome of a savepoint or another asynchronous operation. At 0 it does so
    /// until it ends.
    REST_ASYNC_STORE_DURATION: Duration = "rest.async.store-duration", default "5 min";

    /// How long the client waits for an answer of the cluster where it waits at all.
    CLIENT_TIMEOUT: Duration = "client.timeout", default "1 min", deprecated "akka.client.timeout";
    /// The time between two status requests of a client that waits for a job.
    CLIENT_RETRY_PERIOD: Duration = "client.retry-period", default "2 s";
    /// The time between two heartbeats of a client to the job that it wants to end with it.
    CLIENT_HEARTBEAT_INTERVAL: Duration = "client.heartbeat.interval", default "30 s";
    /// How long the cluster goes without a client's heartbeat before it cancels the job.
    CLIENT_HEARTBEAT_TIMEOUT: Duration = "client.heartbeat.timeout", default "3 min";

    /// Whether the REST endpoint speaks TLS.
    SECURITY_SSL_REST_ENABLED: bool = "security.ssl.rest.enabled", default "false";
    /// Whether the REST endpoint asks a client for its certificate.
    SECURITY_SSL_REST_AUTHENTICATION_ENABLED: bool = "security.ssl.rest.authentication-enabled", default "false";
    /// The file with the client's own key and certificate.
    SECURITY_SSL_REST_KEYSTORE: String = "security.ssl.rest.keystore";
    /// The password of the keystore.
    SECURITY_SSL_REST_KEYSTORE_PASSWORD: String = "security.ssl.rest.keystore-password";
    /// The format of the keystore.
    SECURITY_SSL_REST_KEYSTORE_TYPE: String = "security.ssl.rest.keystore-type", default "pkcs12";
    /// The password of the key in the keystore.
    SECURITY_SSL_REST_KEY_PASSWORD: String = "security.ssl.rest.key-password";
    /// The file with the certificates that the client trusts.
    SECURITY_SSL_REST_TRUSTSTORE: String = "security.ssl.rest.truststore";
    /// The password of the truststore.
    SECURITY_SSL_REST_TRUSTSTORE_PASSWORD: String = "security.ssl.rest.truststore-password";
    /// The format of the truststore.
    SECURITY_SSL_REST_TRUSTSTORE_TYPE: String = "security.ssl.rest.truststore-type", default "pkcs12";
    /// The SHA-1 fingerprint that the REST endpoint's certificate must have.
    SECURITY_SSL_REST_CERT_FINGERPRINT: String = "security.ssl.rest.cert.fingerprint";
    /// Whether the REST endpoint's certificate must be for its host name. Read by Flink since 2.3, where it is off unless
    /// set; this crate has no default for it, so that what an unset value means is decided in one place, by the client.
    SECURITY_SSL_REST_VERIFY_HOSTNAME: bool = "security.ssl.rest.verify-hostname";
    /// Whether the certificate of the other side must be for its host name. On in Flink up to 1.20 unless set, off in 2.3;
    /// this crate has no default for it, as above.
    SECURITY_SSL_VERIFY_HOSTNAME: bool = "security.ssl.verify-hostname";
    /// The file with key and certificate where `security.ssl.rest.keystore` is not set.
    SECURITY_SSL_KEYSTORE: String = "security.ssl.keystore";
    /// The password of that keystore.
    SECURITY_SSL_KEYSTORE_PASSWORD: String = "security.ssl.keystore-password";
    /// The password of the key in that keystore.
    SECURITY_SSL_KEY_PASSWORD: String = "security.ssl.key-password";
    /// The file with trusted certificates where `security.ssl.rest.truststore` is not set.
    SECURITY_SSL_TRUSTSTORE: String = "security.ssl.truststore";
    /// The password of that truststore.
    SECURITY_SSL_TRUSTSTORE_PASSWORD: String = "security.ssl.truststore-password";
    /// The version of TLS, in Java's words.
    SECURITY_SSL_PROTOCOL: String = "security.ssl.protocol", default "TLSv1.2";
    /// The cipher suites, in Java's words, separated by commas.
    SECURITY_SSL_ALGORITHMS: String = "security.ssl.algorithms",
        default "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384";

    /// How the leading JobManager is found: `NONE`, `ZOOKEEPER`, `KUBERNETES`, or the name of a Java class.
    HIGH_AVAILABILITY_TYPE: String = "high-availability.type", default "NONE",
        deprecated "recovery.mode", deprecated "high-availability";
    /// What tells the clusters of one ZooKeeper or Kubernetes apart.
    HIGH_AVAILABILITY_CLUSTER_ID: String = "high-availability.cluster-id", default "/default",
        deprecated "high-availability.zookeeper.path.namespace", deprecated "recovery.zookeeper.path.namespace";
    /// Where the JobManager keeps what it needs to recover.
    HIGH_AVAILABILITY_STORAGE_DIR: String = "high-availability.storageDir",
        deprecated "high-availability.zookeeper.storageDir", deprecated "recovery.zookeeper.storageDir";
    /// The addresses of ZooKeeper, `host:port` separated by commas.
    HIGH_AVAILABILITY_ZOOKEEPER_QUORUM: String = "high-availability.zookeeper.quorum",
        deprecated "recovery.zookeeper.quorum";
    /// The node of ZooKeeper below which all of Flink's nodes are.
    HIGH_AVAILABILITY_ZOOKEEPER_PATH_ROOT: String = "high-availability.zookeeper.path.root", default "/flink",
        deprecated "recovery.zookeeper.path.root";
    /// How long a session with ZooKeeper may be silent.
    HIGH_AVAILABILITY_ZOOKEEPER_SESSION_TIMEOUT: Duration =
        "high-availability.zookeeper.client.session-timeout", default "1 min",
        deprecated "recovery.zookeeper.client.session-timeout";
    /// How long the connection to ZooKeeper may take.
    HIGH_AVAILABILITY_ZOOKEEPER_CONNECTION_TIMEOUT: Duration =
        "high-availability.zookeeper.client.connection-timeout", default "15 s",
        deprecated "recovery.zookeeper.client.connection-timeout";
    /// Who a client of ZooKeeper is: credentials by their scheme, as in `{digest: 'user:password'}`.
    HIGH_AVAILABILITY_ZOOKEEPER_AUTHORIZATION: BTreeMap<String, String> =
        "high-availability.zookeeper.client.authorization";
    /// The name of a cluster in Kubernetes.
    KUBERNETES_CLUSTER_ID: String = "kubernetes.cluster-id";
    /// The namespace of Kubernetes that the cluster is in.
    KUBERNETES_NAMESPACE: String = "kubernetes.namespace", default "default";

    /// Where jobs are executed: `remote`, `local`, `yarn-session`, `kubernetes-session`, ….
    EXECUTION_TARGET: String = "execution.target";
    /// Whether the program that submits a job waits for its end.
    EXECUTION_ATTACHED: bool = "execution.attached", default "false";
    /// Where savepoints go when a request names no directory.
    EXECUTION_CHECKPOINTING_SAVEPOINT_DIR: String = "execution.checkpointing.savepoint-dir",
        deprecated "state.savepoints.dir", deprecated "savepoints.state.backend.fs.dir";
    /// Where checkpoints go.
    EXECUTION_CHECKPOINTING_DIR: String = "execution.checkpointing.dir",
        deprecated "state.checkpoints.dir", deprecated "state.backend.fs.checkpointdir";
    /// The time between two checkpoints of a job; none are taken if it is not set.
    EXECUTION_CHECKPOINTING_INTERVAL: Duration = "execution.checkpointing.interval";
    /// The parallelism of a job that sets none.
    PARALLELISM_DEFAULT: u32 = "parallelism.default", default "1";
    /// The jars of a job.
    PIPELINE_JARS: Vec<String> = "pipeline.jars";
    /// The name of a job.
    PIPELINE_NAME: String = "pipeline.name";

    /// Host name or IP address of the JobManager.
    JOBMANAGER_RPC_ADDRESS: String = "jobmanager.rpc.address";
    /// The port on which TaskManagers reach the JobManager. Clients do not use it.
    JOBMANAGER_RPC_PORT: u16 = "jobmanager.rpc.port", default "6123";
    /// The address that the JobManager listens on.
    JOBMANAGER_BIND_HOST: String = "jobmanager.bind-host";
    /// All memory of the JobManager's process.
    JOBMANAGER_MEMORY_PROCESS_SIZE: MemorySize = "jobmanager.memory.process.size";
    /// The memory of the JobManager's process that Flink uses, without what the JVM takes for itself.
    JOBMANAGER_MEMORY_FLINK_SIZE: MemorySize = "jobmanager.memory.flink.size";
    /// The heap of the JobManager's JVM.
    JOBMANAGER_MEMORY_HEAP_SIZE: MemorySize = "jobmanager.memory.heap.size";
    /// How many parallel pipelines one TaskManager runs.
    TASKMANAGER_NUMBER_OF_TASK_SLOTS: u32 = "taskmanager.numberOfTaskSlots", default "1";
    /// Host name or IP address under which others reach the TaskManager.
    TASKMANAGER_HOST: String = "taskmanager.host";
    /// The address that the TaskManager listens on.
    TASKMANAGER_BIND_HOST: String = "taskmanager.bind-host";
    /// The port or range of ports of the TaskManager; 0 for any free one.
    TASKMANAGER_RPC_PORT: String = "taskmanager.rpc.port", default "0";
    /// How many processor cores the TaskManager reckons with.
    TASKMANAGER_CPU_CORES: f64 = "taskmanager.cpu.cores";
    /// All memory of the TaskManager's process.
    TASKMANAGER_MEMORY_PROCESS_SIZE: MemorySize = "taskmanager.memory.process.size";
    /// The memory of the TaskManager's process that Flink uses, without what the JVM takes for itself.
    TASKMANAGER_MEMORY_FLINK_SIZE: MemorySize = "taskmanager.memory.flink.size";
    /// The heap for the code of jobs.
    TASKMANAGER_MEMORY_TASK_HEAP_SIZE: MemorySize = "taskmanager.memory.task.heap.size";
    /// The memory outside of the heap for the code of jobs.
    TASKMANAGER_MEMORY_TASK_OFF_HEAP_SIZE: MemorySize = "taskmanager.memory.task.off-heap.size", default "0 bytes";
    /// The heap for the TaskManager itself.
    TASKMANAGER_MEMORY_FRAMEWORK_HEAP_SIZE: MemorySize = "taskmanager.memory.framework.heap.size", default "128 mb";
    /// The memory outside of the heap for the TaskManager itself.
    TASKMANAGER_MEMORY_FRAMEWORK_OFF_HEAP_SIZE: MemorySize =
        "taskmanager.memory.framework.off-heap.size", default "128 mb";
    /// The memory that Flink manages, for sorting, caching and RocksDB.
    TASKMANAGER_MEMORY_MANAGED_SIZE: MemorySize = "taskmanager.memory.managed.size",
        deprecated "taskmanager.memory.size";
    /// The least memory for exchange between tasks.
    TASKMANAGER_MEMORY_NETWORK_MIN: MemorySize = "taskmanager.memory.network.min", default "64 mb",
        deprecated "taskmanager.network.memory.min";
    /// The most memory for exchange between tasks.
    TASKMANAGER_MEMORY_NETWORK_MAX: MemorySize = "taskmanager.memory.network.max",
        default "9223372036854775807 bytes", deprecated "taskmanager.network.memory.max";
    /// The JVM's metaspace in a TaskManager.
    TASKMANAGER_MEMORY_JVM_METASPACE_SIZE: MemorySize = "taskmanager.memory.jvm-metaspace.size", default "256 mb";
    /// The port or range of ports from which the JobManager serves jars and other large objects; 0 for any free one.
    BLOB_SERVER_PORT: String = "blob.server.port", default "0";
    /// The directories for temporary files, separated by commas or the system's path separator. Where it is not set, Flink
    /// uses the directory for temporary files of its JVM.
    IO_TMP_DIRS: String = "io.tmp.dirs", deprecated "taskmanager.tmp.dirs";
    /// The directory below which the JobManager keeps uploaded jars; not set, one for temporary files, so that they vanish
    /// with the JobManager.
    WEB_UPLOAD_DIR: String = "web.upload.dir", deprecated "jobmanager.web.upload.dir";
    /// Whether jars may be uploaded and run over the REST endpoint.
    WEB_SUBMIT_ENABLE: bool = "web.submit.enable", default "true", deprecated "jobmanager.web.submit.enable";
    /// Whether the web interface offers to cancel jobs.
    WEB_CANCEL_ENABLE: bool = "web.cancel.enable", default "true";
}
