// The HTTP mode of server-everything listens on every interface and has no switch for it. Loaded
// before it, this keeps it on loopback, and says the port that the system chose.
const { Server } = require("node:net");

const listen = Server.prototype.listen;
Server.prototype.listen = function (port, ...rest) {
  this.once("listening", () => console.log(`listening on port ${this.address().port}`));
  return listen.call(this, { port, host: "127.0.0.1" }, ...rest);
};
