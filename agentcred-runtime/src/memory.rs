//! Memory that is cleared when it is given back: an allocator for programs that run agents.

/// An allocator that overwrites memory with zeroes when it is given back.
///
/// Tokens are overwritten when they are dropped, but copies of them pass through the buffers of the
/// HTTP client, which know of no secrets. A library cannot choose a program's allocator; the program
/// does:
///
/// ```
/// use agentcred_runtime::ZeroAlloc;
///
/// #[global_allocator]
/// static MEMORY: ZeroAlloc<std::alloc::System> = ZeroAlloc(std::alloc::System);
/// # fn main() { assert_eq!(vec![1; 3].len(), 3); }
/// ```
///
/// Idle connections keep their buffers, so this goes together with
/// [`HttpIssuer::without_idle_connections`](crate::HttpIssuer::without_idle_connections).
///
/// # Security
/// It clears the heap, and costs a write of all that is given back. What was on a stack, in a register or in swap is not cleared, and neither
/// is memory that a C library takes by itself.
#[doc(inline)]
pub use zeroizing_alloc::ZeroAlloc;
