declare module 'raw-socket' {
  const module: import('./raw-socket-module.js').RawSocketModule;
  export = module;
}
