//! The numbers of the Java Object Serialization Stream Protocol.

pub(super) const MAGIC: u32 = 0xaced_0005;
pub(super) const FIRST_HANDLE: i32 = 0x7e_0000;

pub(super) const NULL: u8 = 0x70;
pub(super) const REFERENCE: u8 = 0x71;
pub(super) const CLASS_DESC: u8 = 0x72;
pub(super) const OBJECT: u8 = 0x73;
pub(super) const STRING: u8 = 0x74;
pub(super) const ARRAY: u8 = 0x75;
pub(super) const CLASS: u8 = 0x76;
pub(super) const BLOCK: u8 = 0x77;
pub(super) const END: u8 = 0x78;
pub(super) const RESET: u8 = 0x79;
pub(super) const LONG_BLOCK: u8 = 0x7a;
pub(super) const EXCEPTION: u8 = 0x7b;
pub(super) const LONG_STRING: u8 = 0x7c;
pub(super) const PROXY_DESC: u8 = 0x7d;
pub(super) const ENUM: u8 = 0x7e;

pub(super) const WRITE_METHOD: u8 = 1;
pub(super) const SERIALIZABLE: u8 = 2;
pub(super) const EXTERNALIZABLE: u8 = 4;
pub(super) const BLOCK_DATA: u8 = 8;
