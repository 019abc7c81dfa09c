// All of the engine.
#pragma once

#include <spate/address.hpp>
#include <spate/buffer.hpp>
#include <spate/engine.hpp>
#include <spate/fd.hpp>
#include <spate/file.hpp>
#include <spate/io.hpp>
#include <spate/look_up.hpp>
#include <spate/loop.hpp>
#include <spate/offload.hpp>
#include <spate/result.hpp>
#include <spate/stop.hpp>
#include <spate/sync.hpp>
#include <spate/task.hpp>
#include <spate/tcp.hpp>
#include <spate/timer.hpp>
#include <spate/udp.hpp>
