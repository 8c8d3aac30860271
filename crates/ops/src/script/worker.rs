//! A script at work on the entries of one operator, on one thread.

use std::cell::Cell;

use rquickjs::function::Args;
use rquickjs::{Ctx, Function, Object, Persistent, Value};
use statetool_format::Error as FormatError;
use statetool_snapshot::{Entry, Error, Payload, Result, StoredKey};
use statetool_values::{Mismatch, Plain, Sink, Type, Value as DecodedValue};

use super::engine::{Engine, Kept, Trouble, evaluate};
use super::failure::Failure;
use super::foreign::{Known, restore};
use super::from_js::{Taker, kind};
use super::names::Name;
use super::parts::{Parts, decode, last_access};
use super::place::place;
use super::replace::{self, Form, Outcome, foreign_parts, has_several_forms};
use super::to_js::{JsBuilder, long};
use super::{Limits, Script, Source, Whose};

/// A script with an engine of its own, for the thread that made it.
pub struct Worker {
    // What is kept has to go before the engine.
    functions: Functions,
    engine: Engine,
    names: Vec<(Name, &'static str)>,
    whose: Whose,
    first_line: u32,
    limits: Limits,
    show_data: bool,
    /// Whether a string of the value that was given last was no text.
    is_lossy: Cell<bool>,
}

/// What a script defines.
enum Functions {
    /// An expression: a function of the names in it.
    Expression(Kept),
    /// The functions of a file, each of an object with all names.
    File {
        keeps: Option<Kept>,
        replaces: Option<Kept>,
    },
}

impl Worker {
    /// A worker for the entries of an operator.
    pub(super) fn new(script: &Script, whose: &Whose, show_data: bool) -> Result<Self> {
        let fail =
            |failure: Failure| failure.error(&script.name, script.first_line(), &script.limits, show_data);
        let engine = Engine::new(script.limits).map_err(fail)?;
        let functions = Functions::of(script, &engine).map_err(fail)?;
        engine.seal().map_err(fail)?;
        Ok(Self {
            functions,
            engine,
            names: script.names.clone(),
            whose: whose.clone(),
            first_line: script.first_line(),
            limits: script.limits,
            show_data,
            is_lossy: Cell::new(false),
        })
    }

    /// Whether an entry is to stay: what an expression, or the function `where` of a file, says.
    ///
    /// # Errors
    /// Anything but a boolean, and whatever goes wrong in the script.
    pub fn keeps(&self, entry: &Entry<'_>) -> Result<bool> {
        let function = match &self.functions {
            Functions::Expression(function) => function,
            Functions::File { keeps: None, .. } => return Ok(true),
            Functions::File {
                keeps: Some(function),
                ..
            } => function,
        };
        self.call(entry, function, |_, kept| {
            kept.as_bool().ok_or_else(|| {
                let got = kind(&kept);
                Mismatch::new(format!("expected true or false, got {got}")).into()
            })
        })
    }

    /// The time of an entry in epoch milliseconds: a number, a BigInt, a date or its text; none for null.
    ///
    /// # Errors
    /// Anything else, and whatever goes wrong in the script.
    pub fn time(&self, entry: &Entry<'_>) -> Result<Option<i64>> {
        let Functions::Expression(function) = &self.functions else {
            return Err(Error::usage("a script file tells no time")
                .hint("give an expression such as 'value.updatedAt'"));
        };
        self.call(entry, function, |ctx, time| self.millis(ctx, time))
    }

    /// The time that a part of an entry says, as [`time`](Self::time) takes what an expression returns.
    ///
    /// # Errors
    /// A part that is no time.
    pub fn time_in(&self, entry: &Entry<'_>, part: &DecodedValue) -> Result<Option<i64>> {
        let done = self.engine.run(|ctx| {
            let time = self.build(ctx, |js| {
                part.emit(js);
                Ok(())
            })?;
            self.millis(ctx, time)
        });
        done.map_err(|failure| {
            let place = place(&self.whose, entry, self.show_data);
            match failure {
                Failure::Result(why) => Error::usage(format!("{place}: {}", why.message(self.show_data))),
                other => other.error(&place, self.first_line, &self.limits, self.show_data),
            }
        })
    }

    /// Epoch milliseconds of what tells a time; none for null.
    fn millis<'js>(&self, ctx: &Ctx<'js>, time: Value<'js>) -> Result<Option<i64>, Trouble> {
        let millis: Value<'_> = self.engine.helpers.millis.clone().restore(ctx)?.call((time,))?;
        if millis.is_undefined() || millis.is_null() {
            return Ok(None);
        }
        match self.plain(&millis) {
            Ok(Plain::Integer(millis)) => Ok(Some(millis)),
            Err(trouble @ Trouble::Engine(_)) => Err(trouble),
            _ => Err(Mismatch::new(
                "a time has to be epoch milliseconds, a date, or text such as 2026-05-01T10:00:00Z",
            )
            .into()),
        }
    }

    /// Puts the new value of an entry into `out`: what an expression, or the function `map` of a file, says.
    ///
    /// # Errors
    /// A value that does not fit the type of the state, and whatever goes wrong in the script.
    pub fn replace(&self, entry: &Entry<'_>, out: &mut Vec<u8>) -> Result<Outcome> {
        let function = match &self.functions {
            Functions::Expression(function) => function,
            Functions::File { replaces: None, .. } => return Ok(Outcome::Keep),
            Functions::File {
                replaces: Some(function),
                ..
            } => function,
        };
        self.call(entry, function, |ctx, returned| {
            let returned = self.plain(&returned)?;
            self.settle(ctx, entry, returned, out)
        })
    }

    /// What becomes of an entry with the value that was returned.
    fn settle(
        &self,
        ctx: &Ctx<'_>,
        entry: &Entry<'_>,
        mut returned: Plain,
        out: &mut Vec<u8>,
    ) -> Result<Outcome, Trouble> {
        let mut put = replace::put(entry, &returned, out);
        // Values of which there is no way back, or more than one, may have come back as they were.
        let is_lossy = self.is_lossy.get();
        let is_unsure = match put {
            Ok(Outcome::Keep) => return Ok(Outcome::Keep),
            Err(_) | Ok(Outcome::Changed(Form::Null)) => true,
            Ok(_) => is_lossy || has_several_forms(&entry.state.value),
        };
        if is_unsure && self.plain(&self.value(ctx, entry)?)? == returned {
            return Ok(Outcome::Keep);
        }
        if is_lossy {
            let why = "a string of the old value is no UTF-8, and would not be the same any more";
            return Err(Mismatch::new(why).into());
        }
        if put.is_err() {
            restore(&mut returned, &self.known(ctx, entry)?);
            put = replace::put(entry, &returned, out);
        }
        Ok(put?)
    }

    /// The parts of an entry's value of which there is no way back, as scripts see them.
    fn known(&self, ctx: &Ctx<'_>, entry: &Entry<'_>) -> Result<Vec<Known>, Trouble> {
        let mut known = Vec::new();
        for part in foreign_parts(entry)? {
            if let Some(value) = &part.value {
                let seen = self.build(ctx, |js| {
                    value.emit(js);
                    Ok(())
                })?;
                let seen = self.plain(&seen)?;
                known.push(Known { part, seen });
            }
        }
        Ok(known)
    }

    fn plain(&self, value: &Value<'_>) -> Result<Plain, Trouble> {
        Taker::new(&self.engine.helpers, self.limits.memory).take(value)
    }

    /// Calls a function with an entry, and makes something of the result.
    fn call<T>(
        &self,
        entry: &Entry<'_>,
        function: &Kept,
        take: impl for<'js> FnOnce(&Ctx<'js>, Value<'js>) -> Result<T, Trouble>,
    ) -> Result<T> {
        self.is_lossy.set(false);
        let done = self.engine.run(|ctx| {
            let function = function.clone().restore(ctx)?;
            let parts = Parts::of(entry)?;
            let result = match &self.functions {
                Functions::Expression(_) => {
                    let mut args = Args::new(ctx.clone(), self.names.len());
                    for (name, _) in &self.names {
                        args.push_arg(self.named(ctx, entry, &parts, *name)?)?;
                    }
                    args.apply(&function)?
                }
                Functions::File { .. } => {
                    let given = Object::new(ctx.clone())?;
                    for (name, text) in &self.names {
                        given.set(*text, self.named(ctx, entry, &parts, *name)?)?;
                    }
                    function.call((given,))?
                }
            };
            take(ctx, result)
        });
        done.map_err(|failure| {
            let place = place(&self.whose, entry, self.show_data);
            failure.error(&place, self.first_line, &self.limits, self.show_data)
        })
    }

    /// What a script sees under a name.
    fn named<'js>(
        &self,
        ctx: &Ctx<'js>,
        entry: &Entry<'_>,
        parts: &Parts<'_>,
        name: Name,
    ) -> Result<Value<'js>, Trouble> {
        let state = entry.state;
        let number = |number: Option<i64>| match number {
            Some(number) => Ok(long(ctx, number)?),
            None => Ok(Value::new_null(ctx.clone())),
        };
        let text = |text: &str| Ok(rquickjs::String::from_str(ctx.clone(), text)?.into_value());
        match name {
            Name::Key => match &parts.whole {
                Some((bytes, class)) => self.build(ctx, |js| {
                    js.opaque(class, bytes);
                    Ok(())
                }),
                None => self.part(ctx, state.key.as_deref(), parts.key.key),
            },
            Name::Namespace => self.part(ctx, state.namespace.as_deref(), parts.key.namespace),
            Name::MapKey => match parts.key.map_key {
                Some(bytes) => self.build(ctx, |js| match &state.map_key {
                    Some(ty) => decode(ty, bytes, js),
                    None => Ok(()),
                }),
                None => Ok(Value::new_null(ctx.clone())),
            },
            Name::Value => self.value(ctx, entry),
            Name::KeyGroup => number(entry.key_group.map(i64::from)),
            Name::Timestamp => number(match parts.key.timestamp {
                Some(timestamp) => Some(timestamp),
                None => last_access(entry)?,
            }),
            Name::Operator => text(&self.whose.id),
            Name::Uid => match &self.whose.uid {
                Some(uid) => text(uid),
                None => Ok(Value::new_null(ctx.clone())),
            },
            Name::State => text(&state.name),
            Name::Subtask => number(entry.key_group.is_none().then_some(entry.subtask.into())),
            Name::Index => number(match entry.key {
                StoredKey::Element { index } => i64::try_from(index).ok(),
                _ => None,
            }),
        }
    }

    /// A key or namespace; null where the state has none.
    fn part<'js>(&self, ctx: &Ctx<'js>, ty: Option<&Type>, bytes: &[u8]) -> Result<Value<'js>, Trouble> {
        match ty {
            Some(ty) if !bytes.is_empty() => self.build(ctx, |js| decode(ty, bytes, js)),
            _ => Ok(Value::new_null(ctx.clone())),
        }
    }

    /// The value of an entry; a list is an array of its elements.
    fn value<'js>(&self, ctx: &Ctx<'js>, entry: &Entry<'_>) -> Result<Value<'js>, Trouble> {
        let mut js = JsBuilder::new(ctx, &self.engine.helpers);
        match entry.value {
            Payload::None | Payload::Null(_) => js.null(),
            Payload::Value(bytes) => decode(&entry.state.value, bytes, &mut js)?,
            Payload::Delimited(_) | Payload::Counted(_) => {
                js.begin_list(0);
                let mut elements = entry.elements();
                while let Some(element) = elements.next_element()? {
                    js.item();
                    decode(&entry.state.value, element, &mut js)?;
                }
                js.end_list();
            }
        }
        let (value, is_lossy) = js.finish()?;
        self.is_lossy.set(is_lossy);
        Ok(value)
    }

    fn build<'js>(
        &self,
        ctx: &Ctx<'js>,
        write: impl FnOnce(&mut JsBuilder<'js, '_>) -> Result<(), FormatError>,
    ) -> Result<Value<'js>, Trouble> {
        let mut js = JsBuilder::new(ctx, &self.engine.helpers);
        write(&mut js)?;
        Ok(js.finish()?.0)
    }
}

impl Functions {
    fn of(script: &Script, engine: &Engine) -> Result<Self, Failure> {
        engine.run(|ctx| match &script.source {
            Source::Expression(source) => Ok(Self::Expression(save(evaluate(ctx, source)?))),
            Source::File(source) => {
                evaluate::<Value<'_>>(ctx, source)?;
                let function = |name: &str| -> Result<Option<Kept>, Trouble> {
                    let defined = format!("typeof {name} === 'undefined' ? undefined : {name}");
                    let defined: Value<'_> = ctx.eval(defined)?;
                    if defined.is_undefined() {
                        return Ok(None);
                    }
                    let function = defined.into_function();
                    let function =
                        function.ok_or_else(|| Mismatch::new(format!("`{name}` is no function")))?;
                    Ok(Some(save(function)))
                };
                Ok(Self::File {
                    keeps: function("where")?,
                    replaces: function("map")?,
                })
            }
        })
    }
}

fn save(function: Function<'_>) -> Kept {
    Persistent::save(&function.ctx().clone(), function)
}

/// Whether a script can be loaded, and defines something.
///
/// # Errors
/// Why not.
pub(super) fn check(script: &Script) -> Result<()> {
    let fail = |failure: Failure| failure.error(&script.name, script.first_line(), &script.limits, true);
    let engine = Engine::new(script.limits).map_err(fail)?;
    match Functions::of(script, &engine).map_err(fail)? {
        Functions::File {
            keeps: None,
            replaces: None,
        } => Err(
            Error::usage(format!("{}: it defines neither `where` nor `map`", script.name))
                .hint("write `function where(entry) { return entry.value > 3 }`, and `map` for new values"),
        ),
        _ => Ok(()),
    }
}
