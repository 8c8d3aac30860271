//! The JavaScript engine: what it offers to scripts, and how they are held in bounds.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Instant;

use rquickjs::context::{EvalOptions, intrinsic};
use rquickjs::{Context, Ctx, Error as JsError, FromJs, Function, Object, Persistent, Runtime};

use super::Limits;
use super::failure::{FILE_NAME, Failure};

/// What a context has; without promises an `async` function would have no class.
type Intrinsics = (
    intrinsic::Eval,
    intrinsic::Date,
    intrinsic::RegExpCompiler,
    intrinsic::RegExp,
    intrinsic::Json,
    intrinsic::MapSet,
    intrinsic::TypedArrays,
    intrinsic::Promise,
);

/// Makes a context a sandbox.
const SANDBOX: &str = include_str!("sandbox.js");

/// A function of a script or of the sandbox, kept between calls.
pub(super) type Kept = Persistent<Function<'static>>;

/// An engine in a sandbox; it stays on its thread.
pub(super) struct Engine {
    // What is kept has to go before the engine.
    pub(super) helpers: Helpers,
    context: Context,
    clock: Rc<Clock>,
    limits: Limits,
}

/// What the sandbox does for the host.
pub(super) struct Helpers {
    seal: Kept,
    /// Epoch milliseconds of a date or text; anything else as it is.
    pub(super) millis: Kept,
    /// The text of a date; undefined for anything else.
    pub(super) date: Kept,
    /// The code units of a string.
    pub(super) units: Kept,
    /// The string of code units.
    pub(super) text: Kept,
}

/// When a call has to be over.
struct Clock {
    deadline: Cell<Instant>,
    is_over: Cell<bool>,
}

impl Engine {
    /// A new engine.
    pub(super) fn new(limits: Limits) -> Result<Self, Failure> {
        let none = |_: JsError| Failure::Memory;
        let runtime = Runtime::new().map_err(none)?;
        runtime.set_memory_limit(limits.memory);
        runtime.set_max_stack_size(limits.stack);
        let clock = Rc::new(Clock {
            deadline: Cell::new(Instant::now() + limits.time),
            is_over: Cell::new(false),
        });
        let watched = clock.clone();
        runtime.set_interrupt_handler(Some(Box::new(move || {
            let is_over = Instant::now() >= watched.deadline.get();
            watched.is_over.set(watched.is_over.get() | is_over);
            is_over
        })));
        let context = Context::custom::<Intrinsics>(&runtime).map_err(none)?;
        let helpers =
            context.with(|ctx| Helpers::new(&ctx).map_err(|error| Failure::of(&ctx, &error, false)))?;
        Ok(Self {
            helpers,
            context,
            clock,
            limits,
        })
    }

    /// Works in the engine, no longer than a call may take.
    pub(super) fn run<T>(
        &self,
        work: impl for<'js> FnOnce(&Ctx<'js>) -> Result<T, Trouble>,
    ) -> Result<T, Failure> {
        self.clock.deadline.set(Instant::now() + self.limits.time);
        self.clock.is_over.set(false);
        self.context.with(|ctx| {
            work(&ctx).map_err(|trouble| match trouble {
                Trouble::Engine(error) => Failure::of(&ctx, &error, self.clock.is_over.get()),
                Trouble::Else(failure) => failure,
            })
        })
    }

    /// Lets nothing be added to the global object any more.
    pub(super) fn seal(&self) -> Result<(), Failure> {
        self.run(|ctx| Ok(self.helpers.seal.clone().restore(ctx)?.call::<_, ()>(())?))
    }
}

/// An error within the engine, which alone can tell what it is, or any other.
#[derive(Debug)]
pub(super) enum Trouble {
    Engine(JsError),
    Else(Failure),
}

impl From<JsError> for Trouble {
    fn from(error: JsError) -> Self {
        Self::Engine(error)
    }
}

impl<F: Into<Failure>> From<F> for Trouble {
    fn from(failure: F) -> Self {
        Self::Else(failure.into())
    }
}

impl Helpers {
    fn new(ctx: &Ctx<'_>) -> rquickjs::Result<Self> {
        let made: Object<'_> = ctx.eval(SANDBOX)?;
        let helper = |name: &str| -> rquickjs::Result<Kept> {
            let function: Function<'_> = made.get(name)?;
            Ok(Persistent::save(ctx, function))
        };
        Ok(Self {
            seal: helper("seal")?,
            millis: helper("millis")?,
            date: helper("date")?,
            units: helper("units")?,
            text: helper("text")?,
        })
    }
}

/// Evaluates the text of a script.
pub(super) fn evaluate<'js, T: FromJs<'js>>(ctx: &Ctx<'js>, source: &str) -> rquickjs::Result<T> {
    let mut options = EvalOptions::default();
    options.filename = Some(FILE_NAME.to_owned());
    ctx.eval_with_options(source, options)
}
