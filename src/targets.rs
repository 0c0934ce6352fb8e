//! Which deployment target a configuration means.

use std::fmt;
use std::sync::Arc;

use crate::config::{Configuration, options};
use crate::descriptor::{AnyClusterClientProvider, AnyClusterDescriptor, ClusterDescriptor};
use crate::error::{Error, ErrorKind, Result};
use crate::mini::{MiniCluster, MiniClusterDescriptor};
use crate::remote::RemoteClusterDescriptor;
use crate::standalone::StandaloneClusterDescriptor;

/// Makes the descriptors of one target, for the configurations that mean it.
///
/// Implement it to have a target of your own chosen by [`ClusterTargets`].
pub trait ClusterClientFactory: fmt::Debug + Send + Sync {
    /// The target's name, as `execution.target` has it.
    fn name(&self) -> &str;

    /// Whether `configuration` means this target. By default, if its `execution.target` is the [`name`](Self::name), in
    /// upper or lower case.
    ///
    /// # Errors
    /// [`ErrorKind::Configuration`] for a value that cannot be read.
    fn is_compatible_with(&self, configuration: &Configuration) -> Result<bool> {
        let target = configuration.get_optional(&options::EXECUTION_TARGET)?;
        Ok(target.is_some_and(|target| target.eq_ignore_ascii_case(self.name())))
    }

    /// Which cluster `configuration` means, if it says so.
    ///
    /// # Errors
    /// [`ErrorKind::Configuration`] for a value that cannot be read.
    fn cluster_id(&self, configuration: &Configuration) -> Result<Option<String>>;

    /// A descriptor of this target; [`ClusterDescriptor::into_any`] makes it of any.
    ///
    /// # Errors
    /// [`ErrorKind::Configuration`] for a value that cannot be used.
    fn cluster_descriptor(&self, configuration: &Configuration) -> Result<AnyClusterDescriptor>;
}

/// The deployment targets that a program knows, one of which `execution.target` chooses.
///
/// | `execution.target` | is | cluster's id |
/// |---|---|---|
/// | `remote`, or not set | [`RemoteClusterDescriptor`] | `standalone-cluster`: the one at `rest.address` |
/// | `standalone` | [`StandaloneClusterDescriptor`] | the folder in `standalone.cluster-folder` |
/// | `local`, if [added](Self::local) | [`MiniClusterDescriptor`] | |
/// | any other name | what you [add](Self::with) | |
///
/// # Examples
/// ```
/// use flink_client::{ClusterClient, ClusterClientProvider, ClusterTargets, Configuration};
///
/// let targets = ClusterTargets::standard();
/// let mut configuration = Configuration::new();
/// configuration.set_raw("execution.target", "remote").set_raw("rest.address", "flink.example.org");
/// let client = targets.retrieve(&configuration)?.cluster_client()?;
/// assert_eq!(client.web_interface_url(), "http://flink.example.org:8081");
///
/// configuration.set_raw("execution.target", "yarn-session");
/// let error = targets.retrieve(&configuration).unwrap_err();
/// assert_eq!(
///     error.to_string(),
///     "no target fits execution.target \"yarn-session\"; known are remote, standalone"
/// );
/// # Ok::<(), flink_client::Error>(())
/// ```
#[derive(Clone, Debug, Default)]
#[must_use]
pub struct ClusterTargets {
    factories: Vec<Arc<dyn ClusterClientFactory>>,
}

impl ClusterTargets {
    /// No targets.
    pub fn new() -> Self {
        Self::default()
    }

    /// The targets `remote` and `standalone`.
    pub fn standard() -> Self {
        Self::new().with(Remote).with(Standalone)
    }

    /// Adds a target.
    pub fn with(mut self, factory: impl ClusterClientFactory + 'static) -> Self {
        self.factories.push(Arc::new(factory));
        self
    }

    /// Adds the target `local`: mini clusters in this process, with the stand-ins that `programs` registers.
    pub fn local(self, programs: impl Fn(&MiniCluster) + Send + Sync + 'static) -> Self {
        self.with(Local { programs: Arc::new(programs) })
    }

    /// The one target that `configuration` means.
    ///
    /// # Errors
    /// [`ErrorKind::Configuration`] if none fits or several do, with their names.
    pub fn choose(&self, configuration: &Configuration) -> Result<&dyn ClusterClientFactory> {
        let mut fitting = Vec::new();
        for factory in &self.factories {
            if factory.is_compatible_with(configuration)? {
                fitting.push(&**factory);
            }
        }
        let target = match configuration.get_optional(&options::EXECUTION_TARGET)? {
            Some(target) => format!("execution.target {target:?}"),
            None => "a configuration without execution.target".into(),
        };
        let names = |factories: &[&dyn ClusterClientFactory]| {
            factories.iter().map(|factory| factory.name()).collect::<Vec<_>>().join(", ")
        };
        match fitting[..] {
            [factory] => Ok(factory),
            [] => {
                let known: Vec<_> = self.factories.iter().map(|factory| &**factory).collect();
                let hint = if known.is_empty() {
                    "none is known".into()
                } else {
                    format!("known are {}", names(&known))
                };
                let message = format!("no target fits {target}");
                Err(Error::new(ErrorKind::Configuration, message).with_hint(hint))
            }
            ref several => {
                let message = format!("several targets fit {target}: {}", names(several));
                Err(Error::new(ErrorKind::Configuration, message))
            }
        }
    }

    /// A descriptor of the one target that `configuration` means.
    ///
    /// # Errors
    /// As [`choose`](Self::choose), and those of the target.
    pub fn descriptor(&self, configuration: &Configuration) -> Result<AnyClusterDescriptor> {
        self.choose(configuration)?.cluster_descriptor(configuration)
    }

    /// Finds the cluster that `configuration` means.
    ///
    /// # Errors
    /// As [`choose`](Self::choose), and those of the target; [`ErrorKind::Configuration`] if it does not say which
    /// cluster of the target it means.
    pub fn retrieve(&self, configuration: &Configuration) -> Result<AnyClusterClientProvider> {
        let factory = self.choose(configuration)?;
        let Some(id) = factory.cluster_id(configuration)? else {
            let message = format!(
                "the configuration does not say which cluster of the target {} is meant",
                factory.name()
            );
            return Err(
                Error::new(ErrorKind::Configuration, message).with_hint("set its id, or deploy a cluster")
            );
        };
        factory.cluster_descriptor(configuration)?.retrieve(&id)
    }
}

#[derive(Debug)]
struct Remote;

impl ClusterClientFactory for Remote {
    fn name(&self) -> &'static str {
        "remote"
    }

    /// As Flink's command line does, it takes a configuration without a target too.
    fn is_compatible_with(&self, configuration: &Configuration) -> Result<bool> {
        let target = configuration.get_optional(&options::EXECUTION_TARGET)?;
        Ok(target.is_none_or(|target| target.eq_ignore_ascii_case(self.name())))
    }

    fn cluster_id(&self, _configuration: &Configuration) -> Result<Option<String>> {
        Ok(Some(crate::StandaloneClusterId.to_string()))
    }

    fn cluster_descriptor(&self, configuration: &Configuration) -> Result<AnyClusterDescriptor> {
        Ok(RemoteClusterDescriptor::new(configuration.clone()).into_any())
    }
}

#[derive(Debug)]
struct Standalone;

impl ClusterClientFactory for Standalone {
    fn name(&self) -> &'static str {
        "standalone"
    }

    fn cluster_id(&self, configuration: &Configuration) -> Result<Option<String>> {
        configuration.get_optional(&StandaloneClusterDescriptor::CLUSTER_FOLDER)
    }

    fn cluster_descriptor(&self, configuration: &Configuration) -> Result<AnyClusterDescriptor> {
        Ok(StandaloneClusterDescriptor::new(configuration.clone()).into_any())
    }
}

struct Local {
    programs: Arc<dyn Fn(&MiniCluster) + Send + Sync>,
}

impl fmt::Debug for Local {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Local")
    }
}

impl ClusterClientFactory for Local {
    fn name(&self) -> &'static str {
        "local"
    }

    fn cluster_id(&self, _configuration: &Configuration) -> Result<Option<String>> {
        Ok(None)
    }

    fn cluster_descriptor(&self, configuration: &Configuration) -> Result<AnyClusterDescriptor> {
        let programs = Arc::clone(&self.programs);
        Ok(MiniClusterDescriptor::with_programs(configuration.clone(), programs).into_any())
    }
}
