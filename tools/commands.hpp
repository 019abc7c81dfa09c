// The commands of `spate`. Each takes its own arguments, argv[0] being its name, and gives the
// exit code.
#pragma once

int spate_get(int argc, char** argv);
int spate_load(int argc, char** argv);
int spate_serve(int argc, char** argv);
int spate_tcp(int argc, char** argv);
int spate_udp(int argc, char** argv);
