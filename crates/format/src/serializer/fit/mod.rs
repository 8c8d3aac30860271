//! Serializer snapshots as a certain release can read them.
//!
//! A release reads what older ones wrote, but for what it has left behind; of what newer ones
//! write it does not know some classes and some versions. Where the same can be said in a form that
//! a release knows, [`fitted`] says it so; the bytes of values are never touched.
//!
//! | snapshot | release | becomes |
//! |---|---|---|
//! | Scala types, `TwoPhaseCommitSinkFunction` | 2.0 on, or before | the same in the package of that release |
//! | `GenericArraySerializerConfigSnapshot`, `EitherSerializerSnapshot` of 1.7 | 2.0 on | their successors |
//! | `RowSerializerSnapshot` with a flag | 1.13, 1.14 | versions 2 and 3, which stand for either |
//! | `LinkedListSerializerSnapshot` with a flag | 1.13, 1.14 | versions 1 and 2 |
//! | transactions of two-phase commits with a flag | 1.13, 1.14 | versions 2 and, in 1.14, 3 |
//! | `NFAStateSerializerSnapshot` without time stamps | up to 1.15 | version 1 |
//! | `TtlAwareSerializerSnapshot` | up to 2.0 | what it wraps |
//! | Java-serialized types of SQL | | the number that the release gives to the class |

mod classes;
mod streams;

use std::fmt;

use super::{Content, Frame, Outer, SerializerSnapshot};
use crate::java::JavaStream;
use crate::release::FlinkVersion;
use crate::text::JavaString;

/// Why a release cannot read a snapshot, and nothing that means the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Misfit {
    /// The class at which it fails.
    pub class: String,
    /// Why.
    pub why: String,
}

impl Misfit {
    fn new(class: impl Into<String>, why: impl Into<String>) -> Self {
        Self {
            class: class.into(),
            why: why.into(),
        }
    }
}

impl fmt::Display for Misfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}`: {}", self.class, self.why)
    }
}

const OTHER_KRYO: &str =
    "Kryo 2.24 of Flink 1.x and Kryo 5 of 2.x do not read each other's bytes, nor the settings beside them";

/// What snapshots are made to fit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Target {
    /// The release that shall read them.
    pub release: FlinkVersion,
    /// Whether generic values were written by the Kryo of the other major line.
    pub other_kryo: bool,
}

/// That a class came with a release.
fn came(major: u8, minor: u8) -> String {
    format!("it came with Flink {major}.{minor}")
}

type Result<T> = std::result::Result<T, Misfit>;

impl Target {
    /// The snapshot as the release can read it.
    ///
    /// # Errors
    /// Where nothing that it reads means the same.
    pub fn fitted(self, snapshot: &SerializerSnapshot) -> Result<SerializerSnapshot> {
        // 2.0 has the class, and no backend that uses it.
        if let (Content::TtlAware { inner, .. }, false) = (&snapshot.content, self.release.since(2, 1)) {
            return self.fitted(inner);
        }
        let mut fitted = self.renamed(snapshot)?;
        self.fit_content(&mut fitted)?;
        Ok(fitted)
    }

    /// The snapshot under the name that its class has in the release.
    fn renamed(self, snapshot: &SerializerSnapshot) -> Result<SerializerSnapshot> {
        let mut renamed = snapshot.clone();
        let class = snapshot.class.to_str();
        if let Some(moved) = classes::moved(&class, self.release) {
            renamed.class = JavaString::new(&moved).unwrap_or_default();
            return Ok(renamed);
        }
        if self.release.is_flink_2() && self.succeed(&mut renamed) {
            return Ok(renamed);
        }
        if let Some(why) = classes::absent(&class, self.release) {
            return Err(Misfit::new(&*class, why));
        }
        if super::layout::is_in_no_release(&snapshot.class) {
            return Err(Misfit::new(&*class, "no release up to 2.3 has this class"));
        }
        Ok(renamed)
    }

    /// Gives what 1.7 wrote the form of 1.8, under the name of its successor.
    fn succeed(self, snapshot: &mut SerializerSnapshot) -> bool {
        let successor = match &*snapshot.class.to_str() {
            "org.apache.flink.api.common.typeutils.base.GenericArraySerializerConfigSnapshot" => {
                "org.apache.flink.api.common.typeutils.base.GenericArraySerializerSnapshot"
            }
            "org.apache.flink.api.java.typeutils.runtime.EitherSerializerSnapshot" => {
                "org.apache.flink.api.java.typeutils.runtime.JavaEitherSerializerSnapshot"
            }
            _ => return false,
        };
        let Content::Composite { outer_version, .. } = &mut snapshot.content else {
            return false;
        };
        *outer_version = Some(1);
        snapshot.version = 3;
        snapshot.class = JavaString::new(successor).unwrap_or_default();
        true
    }

    fn fit_content(self, snapshot: &mut SerializerSnapshot) -> Result<()> {
        let class = snapshot.class.clone();
        match &mut snapshot.content {
            Content::Composite {
                outer_version,
                outer,
                nested,
            } => {
                if let (Outer::Flag(flag), Some(version)) = (&*outer, &mut *outer_version)
                    && let Some(without) = self.without_flag(&class, *flag)?
                {
                    (*version, *outer) = (without, Outer::None);
                }
                if let Outer::External { data_type, .. } = outer {
                    self.fit_stream(data_type)?;
                }
                self.fit_all(nested)
            }
            Content::Pojo(pojo) => {
                let fields = pojo.fields.iter_mut().map(|entry| &mut entry.value);
                let subclasses = pojo.registered.iter_mut().chain(&mut pojo.non_registered);
                let frames = fields.chain(subclasses.map(|entry| &mut entry.value));
                frames.flatten().try_for_each(|frame| self.fit_frame(frame))
            }
            Content::Kryo(kryo) => match self.other_kryo {
                true => Err(Misfit::new(kryo.class.to_str(), OTHER_KRYO)),
                false => Ok(()),
            },
            Content::RowData { types, nested } => {
                types.iter_mut().try_for_each(|ty| self.fit_stream(ty))?;
                self.fit_all(nested)
            }
            Content::ArrayData {
                element_type,
                element_serializer,
            } => self.fit_streams([element_type, element_serializer]),
            Content::MapData {
                key_type,
                value_type,
                key_serializer,
                value_serializer,
            } => self.fit_streams([key_type, value_type, key_serializer, value_serializer]),
            Content::SortedMap { comparator, nested } => {
                self.fit_stream(comparator)?;
                self.fit_all(nested)
            }
            Content::TtlAware { inner, .. } | Content::RowDataKey { inner, .. } => {
                **inner = self.fitted(inner)?;
                Ok(())
            }
            Content::OldStyle(_) if self.release.since(1, 17) => Err(Misfit::new(
                class.to_str(),
                "Flink 1.16 is the last that reads snapshots of serializers as 1.6 wrote them",
            )),
            _ => Ok(()),
        }
    }

    /// The version that means a flag without having it; `None` where the release reads the flag.
    fn without_flag(self, class: &JavaString, flag: bool) -> Result<Option<i32>> {
        let (until, versions) = match &*class.simple_name() {
            "RowSerializerSnapshot" => ((1, 15), [Some(2), Some(3)]),
            "LinkedListSerializerSnapshot" => ((1, 15), [Some(1), Some(2)]),
            "StateSerializerSnapshot" if self.release.since(1, 14) => ((1, 15), [Some(2), Some(3)]),
            "StateSerializerSnapshot" => ((1, 14), [Some(2), None]),
            "NFAStateSerializerSnapshot" => ((1, 16), [Some(1), None]),
            _ => return Ok(None),
        };
        let (major, minor) = until;
        if self.release.since(major, minor) {
            return Ok(None);
        }
        let [unset, set] = versions;
        match if flag { set } else { unset } {
            Some(version) => Ok(Some(version)),
            None => Err(Misfit::new(
                class.to_str(),
                format!("its values hold what only Flink {major}.{minor} and later read"),
            )),
        }
    }

    fn fit_all(self, snapshots: &mut [SerializerSnapshot]) -> Result<()> {
        for snapshot in snapshots {
            *snapshot = self.fitted(snapshot)?;
        }
        Ok(())
    }

    /// Fits what a frame holds; of one that nobody can read nothing is known.
    fn fit_frame(self, frame: &mut Frame<SerializerSnapshot>) -> Result<()> {
        if let Frame::Known(snapshot) = frame {
            *snapshot = self.fitted(snapshot)?;
        }
        Ok(())
    }

    fn fit_streams<'s>(self, streams: impl IntoIterator<Item = &'s mut JavaStream>) -> Result<()> {
        streams.into_iter().try_for_each(|stream| self.fit_stream(stream))
    }

    fn fit_stream(self, stream: &mut JavaStream) -> Result<()> {
        if let Some(fitted) = streams::fitted(stream, self.release, self.other_kryo)? {
            *stream = fitted;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
