// What waiting is made of: all of it takes part in stopping (stop.hpp).
#pragma once

#include <spate/block_on.hpp>
#include <spate/channel.hpp>
#include <spate/condition.hpp>
#include <spate/stop.hpp>
#include <spate/task_group.hpp>
#include <spate/timeout.hpp>
#include <spate/when.hpp>
