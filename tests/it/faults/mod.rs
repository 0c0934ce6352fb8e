//! What a network, a proxy or a server can do wrong, over real sockets: for each the kind of error, and how many
//! requests the server saw.

mod broken_connections;
